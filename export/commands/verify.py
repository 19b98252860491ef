"""`python -m export verify`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HELP = "converted files on real songs, against Keras; publish asks for it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("converted", type=Path, metavar="DIR", help="what convert wrote")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="holds test/songs/<song>/{vocals,accompaniment}.*"
    )
    parser.add_argument("--name", help="of the files, as given to convert (default: the only one there)")
    parser.add_argument("--seconds", type=int, default=90, help="of each song, the most active ones (default: 90)")
    parser.add_argument("--steps", type=int, default=20000, help="length of the stream (default: 20000)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")


def run(args: argparse.Namespace) -> int:
    from export.verification.verify import failures, table, verify

    options = {"seconds": args.seconds, "steps": args.steps, "jobs": args.jobs}
    summary = verify(args.converted, args.data, args.name, **options)
    print(table(summary))
    failed = failures(summary)
    for line in failed:
        print(f"failed: {line}", file=sys.stderr)
    return 1 if failed else 0
