"""`python -m benchmarks costs`."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "time, memory and quality of files, and time of keras-sep separate"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", type=Path, nargs="*", metavar="DIR", help="of `convert` (default: the files of the shipped preset)"
    )
    parser.add_argument(
        "--random",
        metavar="SIZES",
        help="comma-separated: tiny, s, m, l; networks of ours with random weights, for their cost",
    )
    parser.add_argument("--peers", type=Path, metavar="DIR", help="holds dtln/ and gtcrn/, measured in the same rounds")
    parser.add_argument("--out", type=Path, metavar="JSON", help="file for the figures")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="document: the tables go between its benchmark: begin and end markers",
    )
    parser.add_argument(
        "--minutes", type=int, default=60, help="length of the long song; 0: no keras-sep separate (default: 60)"
    )
    parser.add_argument("--rounds", type=int, default=7, help="in which all files take turns (default: 7)")
    parser.add_argument("--steps", type=int, default=1000, help="at most, of one file in a round (default: 1000)")


def run(args: argparse.Namespace) -> None:
    from benchmarks.measure.file_costs import measure_files

    measure_files(
        tuple(args.folders),
        random=tuple(args.random.split(",")) if args.random is not None else (),
        peers=args.peers,
        out=args.out,
        write=args.write,
        long_minutes=args.minutes,
        rounds=args.rounds,
        steps=args.steps,
    )
