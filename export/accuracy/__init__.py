"""How near an exported file must be to the float Keras network, and how near it is on a few seconds.

`convert` writes nothing that misses these gates; `export.verification` asks for more, on real songs.
"""
