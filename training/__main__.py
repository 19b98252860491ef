"""Command line of the training folder: `python -m training COMMAND`, from a checkout."""

from __future__ import annotations

import argparse
import os
import sys

from common.command_line import StoreOnce
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


def main(argv: list[str] | None = None) -> int:
    """Runs a command and returns its exit status; an expected failure is one line on stderr."""
    # On processors without AVX-512, TensorFlow leaves oneDNN off, although training is half as fast again with it.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    args = _parser().parse_args(argv)
    try:
        return args.run_command(args) or 0
    except ImportError as error:
        print(f'error: {error}; the extras "train" and "train-jax" of pyproject.toml bring it', file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train and score separators.", allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        name = command.__name__.rpartition(".")[2].replace("_", "-")
        own = commands.add_parser(name, help=command.HELP, description=command.__doc__, allow_abbrev=False)
        own.register("action", None, StoreOnce)
        command.add_arguments(own)
        own.set_defaults(run_command=command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
