"""Separate damaged audio files: no crash, traceback, hang or half file."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="try these instead of new ones")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="each has files of its own (default: 0)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("build/fuzz/audio"),
        metavar="DIR",
        help="holds the counts, from which the next call goes on, and what was found (default: build/fuzz/audio)",
    )


def run(args: argparse.Namespace) -> int:
    from fuzz.audio.fuzzer import fuzz_audio, try_files

    found = try_files(args.files) if args.files else fuzz_audio(args.folder, args.seed, args.seconds)
    return 1 if found else 0
