"""The commands of `python -m export`, one file each; see `common.command_line`."""
