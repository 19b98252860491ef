"""Separation on Ray clusters of this machine: overhead, and what is lost when nodes, workers and commands die."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--songs", type=int, default=200, help="that are separated each time (default: 200)")
    parser.add_argument("--seconds", type=float, default=5, help="length of a song (default: 5)")
    parser.add_argument(
        "--write", type=Path, metavar="FILE.md", help="put the tables there, between its cluster: begin and end markers"
    )


def run(args: argparse.Namespace) -> None:
    from benchmarks.measure.cluster import measure_cluster

    print(measure_cluster(args.songs, args.seconds, args.write))
