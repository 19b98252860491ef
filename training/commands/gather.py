"""Create a data set of links to another, and add free music without voice to its training part."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "create a data set with more music, from packages of Debian"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="folder of stems with a manifest.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder to create")
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="take S seconds from the middle of each piece (default: all)"
    )


def run(args: argparse.Namespace) -> None:
    from training.data.datasets.debian_music import gather

    print(gather(args.data, args.out, args.seconds))
