"""Separation of many songs: finding them, naming their stems, skipping finished ones, and running in parallel."""
