"""Measure the shipped files, and the networks of Spleeter and Open-Unmix in their published sizes."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7, help="rounds in which all networks take turns (default: 7)")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("build/separators"),
        metavar="DIR",
        help="folder that keeps the converted networks of the others, 100 MB (default: %(default)s)",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="document whose table between the markers separators: begin and end is replaced",
    )


def run(args: argparse.Namespace) -> None:
    from benchmarks.measure.separators import measure_separators

    print(measure_separators(args.cache, args.rounds, args.write))
