"""Is an exported file the float Keras network, on real songs, after hours, and elsewhere?

Before publication, on real songs: reference (Keras), measure (a file; measurement_pool), ops → verify.
After hours: endurance. Under other runtimes and processors: runtimes.
"""
