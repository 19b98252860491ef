"""Publication of verified files as a preset of the package."""
