"""The separation of catalogues of songs on all machines of a Ray cluster (extra `cluster`).

    sources ─► catalogue ─► plan: songs to do ─► Ray Data: a row a song ─► song_worker, one a core ─► stems
                               ▲                                              │ a row a song
                               └────────────── manifest.parquet ◄─────────────┘

Places are folders and files that every machine reaches under the same name: paths of a shared folder, or URIs of any
file system that pyarrow knows. The command that conducts it all runs on one machine of the cluster, and is the only
one that writes the manifest.
"""
