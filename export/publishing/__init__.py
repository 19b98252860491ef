"""Verified files to a preset of the package."""
