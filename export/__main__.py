"""Command line of the export folder: `python -m export COMMAND`, from a checkout."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.command_line import run_command
from export.commands import android, convert, endure, migrate, publish, runtimes, verify

COMMANDS = (convert, verify, publish, runtimes, endure, migrate, android)


def main(argv: Sequence[str] | None = None) -> int:
    return run_command("python -m export", "Convert, verify and publish models.", COMMANDS, "train,dev", argv)


if __name__ == "__main__":
    sys.exit(main())
