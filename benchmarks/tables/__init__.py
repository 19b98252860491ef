"""Markdown of the figures, and its place in a document."""
