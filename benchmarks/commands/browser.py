"""`python -m benchmarks browser`."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "time of a step and of a 4-minute song on the page in Chromium, beside keras-sep separate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="in which all models take turns (default: 3)")
    parser.add_argument("--live", type=int, default=60, metavar="S", help="of the fake microphone (default: 60)")
    parser.add_argument(
        "--write", type=Path, metavar="FILE", help="document: the table goes between its browser: begin and end markers"
    )


def run(args: argparse.Namespace) -> None:
    from benchmarks.measure.browser import measure_page

    if args.rounds < 1 or args.live < 1:
        raise ValueError(f"expected --rounds and --live of at least 1. Received: {args.rounds} and {args.live}")
    measure_page(args.rounds, args.live, args.write)
