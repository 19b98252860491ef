"""Scoring: from songs with stems to a folder of results.

    songs ─► scored_mixture ─► methods, oracles, repet ─► validity ─► scoring_processes: metrics ─► results ─► summary
                  └──► conditions                 all of it conducted by scoring.py

The result folder (results.py) is all that remains: museval's tools and `training.report` read it, and a second call
goes on in it.
"""
