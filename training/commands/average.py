"""Average the weights of runs that started from the same weights; the mean is often better than each of them."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "average the weights of several runs into a new run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folders of train")
    parser.add_argument(
        "--shares", type=float, nargs="+", metavar="X", help="share of each run in the mean (default: equal)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="run folder to create")


def run(args: argparse.Namespace) -> None:
    from training.engine.weight_average import average

    average(args.runs, args.shares or [1.0] * len(args.runs), args.out)
    print(f"{args.out}: the mean of {', '.join(map(str, args.runs))}")
