"""Time a step and a 4-minute song on the page in Chromium, and the same song in Python."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="rounds in which all models take turns (default: 3)")
    parser.add_argument("--live", type=int, default=60, metavar="S", help="seconds of live input (default: 60)")
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE.tflite",
        help="another waveform file, measured in turn with the page's own",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="document whose table between the markers browser: begin and end is replaced",
    )


def run(args: argparse.Namespace) -> None:
    from benchmarks.measure.browser import measure_page

    if args.rounds < 1 or args.live < 1:
        raise ValueError(f"expected --rounds and --live of at least 1. Received: {args.rounds} and {args.live}")
    measure_page(args.rounds, args.live, args.against, args.write)
