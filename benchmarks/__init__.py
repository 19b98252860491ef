"""`python -m benchmarks`: what files cost, what others cost on the same machine in the same run, and how good they are.

Machines are shared and drift: every time is a median over rounds that take turns with a reference, the fastest
product of 512 × 512 float32 matrices in one thread. Compare ratios, not milliseconds.

peers, tables → measure → commands
`costs`:      measured_files (shipped, converted, random_files) → footprint, rounds, separate_command → tables
`steps`:      files of a folder in turn with the shipped ones
`separators`: networks of published separators in turn with the shipped files
`browser`:    the page in Chromium
"""
