"""The commands of `python -m training`, one file each.

A command has the name of its module, with hyphens. The module's docstring is the description that `--help` shows, and
`HELP` its line in the list of commands; `add_arguments(parser)` adds its options; `run(args)` does the work and returns
the exit status, or None for 0. Heavy packages are imported inside `run`, so that --help is quick.
"""
