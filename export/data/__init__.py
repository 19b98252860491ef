"""The recordings that the export reads: test songs to measure on."""
