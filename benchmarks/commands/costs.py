"""Measure time, memory and quality of files, and time and memory of keras-sep separate."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", type=Path, nargs="*", metavar="DIR", help="output of convert (default: files of the default preset)"
    )
    parser.add_argument(
        "--random",
        metavar="SIZES",
        help="also measure our network with random weights in these sizes, comma-separated: tiny, s, m, l",
    )
    parser.add_argument(
        "--peers", type=Path, metavar="DIR", help="folder with dtln/ and gtcrn/, which take part in the rounds"
    )
    parser.add_argument("--out", type=Path, metavar="JSON", help="file to write the figures to")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="document whose tables between the markers benchmark: begin and end are replaced",
    )
    parser.add_argument(
        "--minutes",
        type=int,
        default=60,
        help="length of the long song; 0 leaves keras-sep separate out (default: 60)",
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds in which all files take turns (default: 7)")
    parser.add_argument("--steps", type=int, default=1000, help="most steps of one file in a round (default: 1000)")


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
