"""Command line of the benchmarks: `python -m benchmarks COMMAND`, from a checkout."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.commands import browser, cluster, costs, separators, steps
from common.command_line import run_command

COMMANDS = (costs, separators, steps, browser, cluster)


def main(argv: Sequence[str] | None = None) -> int:
    return run_command("python -m benchmarks", "Measure and compare models.", COMMANDS, "train,dev", argv)


if __name__ == "__main__":
    sys.exit(main())
