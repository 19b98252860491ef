"""The scoring of songs with stems, into a folder of results.

    songs ─► scored_mixture ─► methods, oracles, repet ─► validity ─► scoring_processes: metrics ─► results ─► summary
                  └──► conditions                 scoring.py runs all of it

The result folder (results.py) keeps everything: museval's tools and `training.report` read it, and a second call
continues it.
"""
