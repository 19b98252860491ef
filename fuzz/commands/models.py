"""Read damaged model files, metadata and specs: no error but the one that users are told of."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0, help="how long, all targets together (default: 60)")
    parser.add_argument("--seed", type=int, default=1, help="of libFuzzer, 1 or more (default: 1)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("build/fuzz/models"),
        metavar="DIR",
        help="holds the corpus, from which the next call goes on, and what was found (default: build/fuzz/models)",
    )


def run(args: argparse.Namespace) -> int:
    from fuzz.models.fuzzer import fuzz_models

    return 1 if fuzz_models(args.folder, args.seed, args.seconds) else 0
