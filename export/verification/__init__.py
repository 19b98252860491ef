"""Verification of exported files against the float Keras network.

On real songs, before publication: reference (Keras), measure (a file; measurement_pool), ops → verify.
Over hours: endurance. Under other runtimes and processors: runtimes.
"""
