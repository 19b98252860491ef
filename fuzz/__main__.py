"""Command line of the fuzz folder: `python -m fuzz COMMAND`, from a checkout."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from common.command_line import run_command
from fuzz.commands import audio, kills, models, report

COMMANDS = (audio, models, kills, report)


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(
        "python -m fuzz", "Damage files and kill commands, by the thousand.", COMMANDS, "train,dev", argv
    )


if __name__ == "__main__":
    sys.exit(main())
