"""The way from recordings to batches.

datasets ─► stems ─► mixing (effects) ─► excerpts ─► batches
                        └─► drawing_processes ─┘
"""
