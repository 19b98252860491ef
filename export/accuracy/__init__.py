"""The gates of an exported file: how close it must be to the float Keras network, with a check on a few seconds.

`convert` writes no file that misses these gates; `export.verification` demands more, on real songs.
"""
