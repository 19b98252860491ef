"""Compare converted files with Keras on real songs; publish takes only files that pass."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("converted", type=Path, metavar="DIR", help="output folder of convert")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with test/songs/<song>/{vocals,accompaniment}.*",
    )
    parser.add_argument("--name", help="name of the files, as given to convert (default: the only one there)")
    parser.add_argument(
        "--seconds",
        type=int,
        default=90,
        help="length of the excerpt of each song with the loudest voice (default: 90)",
    )
    parser.add_argument("--steps", type=int, default=20000, help="length of the stream in steps (default: 20000)")
    parser.add_argument("--jobs", type=int, default=2, help="number of processes (default: 2)")


def run(args: argparse.Namespace) -> int:
    from export.verification.verify import failures, table, verify

    options = {"seconds": args.seconds, "steps": args.steps, "jobs": args.jobs}
    summary = verify(args.converted, args.data, args.name, **options)
    print(table(summary))
    failed = failures(summary)
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failed else 0
