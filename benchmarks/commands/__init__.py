"""The commands of `python -m benchmarks`, one file each; see `common.command_line`."""
