"""The floor under training, export and benchmarks: files, Markdown, run folders, what weights were trained on."""
