"""Layers of the networks, one per file."""
