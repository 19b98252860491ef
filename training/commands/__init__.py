"""The commands of `python -m training`, one file each; see `common.command_line`."""
