"""Many songs: which ones, where to, what is there already, and several at the same time."""
