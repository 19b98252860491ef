"""`python -m export`: trained networks to files, their checks, presets and the Android demo's assets.

data, accuracy → conversion → verification, publishing; android; commands on top.
"""
