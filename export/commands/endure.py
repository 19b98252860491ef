"""Stream hours of music through files: no drift, no NaN, silence from silence, no growing memory."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="FILE|DIR", help=".tflite files (default: those of the default preset)"
    )
    parser.add_argument(
        "--hours", type=float, default=2.0, help="hours of audio; at least three rounds of the music (default: 2)"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="folder with test/songs/<song>/{vocals,accompaniment}.* (default: the example song)",
    )
    parser.add_argument("--write", type=Path, metavar="FILE.md", help="keep the tables, as docs/results/endurance.md")


def run(args: argparse.Namespace) -> None:
    from export.verification.endurance import endure

    endure(args.paths, args.hours, args.data, args.write)
