"""The code that training, export and benchmarks share: files, Markdown, run folders, scores, training exposure."""
