"""`python -m benchmarks separators`."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "cost of the shipped files beside networks of Spleeter's and Open-Unmix's published sizes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=7, help="in which all take turns (default: 7)")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("build/separators"),
        metavar="DIR",
        help="keeps their converted networks, 100 MB (default: %(default)s)",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="document: the table goes between its separators: begin and end markers",
    )


def run(args: argparse.Namespace) -> None:
    from benchmarks.measure.separators import measure_separators

    print(measure_separators(args.cache, args.rounds, args.write))
