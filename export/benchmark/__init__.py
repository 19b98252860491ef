"""`python -m export benchmark`: what files cost, what peers cost beside them, and how good they are.

Machines are shared and drift: every time is a median over rounds that take turns with a reference, the fastest
product of 512 × 512 float32 matrices in one thread. Compare ratios, not milliseconds.

files (shipped, converted, random_files) → footprint, steps (peers), separate → bounds → table
`python -m export benchmark-browser`: browser → table
"""
