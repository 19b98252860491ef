"""Is an exported file the float Keras network?

At once, on a few seconds: agreement, with gates (convert writes nothing that misses them).
Before publication, on real songs: songs → reference (Keras), measure (a file; workers), scores, ops → gates → verify.
After hours: endurance. Under other runtimes and processors: runtimes.
"""
