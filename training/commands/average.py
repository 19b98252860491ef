"""Average the weights of runs that went on from the same weights: their mean is a network too, often a better one."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "a network whose weights are the mean of several runs'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--shares", type=float, nargs="+", metavar="X", help="of the mean (default: equal)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a run folder to make")


def run(args: argparse.Namespace) -> None:
    from training.engine.weight_average import average

    average(args.runs, args.shares or [1.0] * len(args.runs), args.out)
    print(f"{args.out}: the mean of {', '.join(map(str, args.runs))}")
