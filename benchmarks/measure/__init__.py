"""The measurements: cost of a file, rounds of steps, `keras-sep separate`, published separators, the page."""
