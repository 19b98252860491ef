"""Command line of the training folder: `python -m training COMMAND`, from a checkout."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from common.command_line import run_command
from training.commands import (
    alone,
    average,
    benchmark,
    compare,
    credits,
    evaluate,
    first_seconds,
    gap,
    gather,
    losses,
    report,
    run_paper,
    train,
)

COMMANDS = (
    train,
    evaluate,
    alone,
    first_seconds,
    report,
    run_paper,
    gather,
    losses,
    compare,
    average,
    gap,
    benchmark,
    credits,
)


def main(argv: Sequence[str] | None = None) -> int:
    # On processors without AVX-512, TensorFlow leaves oneDNN off, although training is half as fast again with it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    return run_command("python -m training", "Train and score separators.", COMMANDS, "train", argv)


if __name__ == "__main__":
    sys.exit(main())
