"""Print a table of runs: the settings in which they differ, frames, hours, validation losses and, with --data, how well
their best networks separate the validation songs."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import add_stems, current_preset

HELP = "compare runs: settings, cost, validation"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders of train")
    add_stems(parser, required=False, use="; adds scores of its validation songs")
    parser.add_argument("--preset", default="", metavar="NAME", help="with --data: add a row for a preset")


def run(args: argparse.Namespace) -> None:
    from training.evaluation.run_comparison import compare

    print(compare(args.runs, args.data, args.cache, current_preset(args.preset)))
