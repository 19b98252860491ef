"""`python -m benchmarks`: time, memory and quality of our files, and the cost of other systems in the same run.

Machines are shared and their speed drifts. So every time is a median over rounds, and each round also times a
reference: the fastest product of 512 × 512 float32 matrices in one thread. Compare ratios, not milliseconds.

peers, tables → measure → commands
`costs`:      measured_files (shipped, converted, random_files) → footprint, rounds, separate_command → tables
`steps`:      the files of a folder, timed in turn with the shipped ones
`separators`: the networks of published separators, timed in turn with the shipped files
`browser`:    the web page in Chromium
"""
