"""`python -m export`: conversion of trained networks to files, their verification, presets, the Android demo's assets.

data, accuracy → conversion → verification, publishing; android; commands on top.
"""
