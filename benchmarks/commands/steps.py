"""Time the steps of the .tflite files in a folder, relative to the shipped files."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--against",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with .tflite files, such as those of an earlier release",
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds in which all files take turns (default: 7)")
    parser.add_argument("--steps", type=int, default=1000, help="most steps of one file in a round (default: 1000)")


def run(args: argparse.Namespace) -> None:
    from benchmarks.measure.compared_steps import compare_steps

    print(compare_steps(args.against, args.rounds, args.steps))
