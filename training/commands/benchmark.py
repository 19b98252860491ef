"""Measure speed and memory of a training step of each method, and the speed of a matrix product as a reference."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

HELP = "measure speed and memory of training each method"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="folder of stems; adds the speed of fit on mixed data")
    parser.add_argument("--cache", type=Path, help="folder for decoded audio (default: a temporary one)")
    parser.add_argument("--size", default="m", help="size of the networks: tiny, s, m or l (default: m)")
    parser.add_argument(
        "--steps", type=int, default=10, help="number of timed steps, of which the median counts (default: 10)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="file to write the figures to")


def run(args: argparse.Namespace) -> None:
    from training.engine.training_speed import benchmark

    if args.steps < 1:
        raise ValueError(f"--steps: expected at least 1. Received: {args.steps}")
    if args.data and not args.data.is_dir():
        raise ValueError(f"--data: expected a folder. Received: {args.data}")
    with tempfile.TemporaryDirectory() as folder:
        print(benchmark(args.data, args.cache or Path(folder), args.size, args.steps, args.out))
