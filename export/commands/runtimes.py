"""Compare the stems of the files under another TFLite runtime or processor."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", nargs="*", type=Path, metavar="DIR", help="folders of .tflite files, in addition to the shipped ones"
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--write", type=Path, metavar="FILE.npz", help="write the stems of this runtime")
    which.add_argument(
        "--against", type=Path, metavar="FILE.npz", help="compare with the stems of --write; exit 1 if they differ"
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="with --write: seconds of the example song (default: 10)"
    )
    parser.add_argument(
        "--may-refuse",
        default="",
        metavar="PRECISIONS",
        help="comma-separated: precisions that the runtime is known not to run (default: none)",
    )


def run(args: argparse.Namespace) -> int:
    from export.verification import runtimes

    files = runtimes.files_of(args.folders)
    if args.write:
        runtimes.write(args.write, files, args.seconds)
        return 0
    return 0 if runtimes.against(args.against, files, args.may_refuse.split(",")) else 1
