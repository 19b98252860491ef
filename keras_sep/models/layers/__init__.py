"""Layers of the networks, one a file."""
