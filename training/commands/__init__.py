"""What `python -m training` can do, one command a file.

A command is named like its file. Its docstring is the description that `--help` shows, HELP its line in the list of
commands; `add_arguments(parser)` adds its options, and `run(args)` does the work and may return an exit status. What
takes long to import is imported inside `run`.
"""
