"""Scoring, from songs with stems to a page of results.

    songs ─► scene ─► methods, oracles, repet ─► guards ─► workers: metrics ─► results ─► summary ─► report
               └──► conditions                                      evaluate.py conducts

A result folder (results.py) is all that stays: museval's tools and the report read it, a second call goes on in it.
"""
