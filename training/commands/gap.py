"""Score networks on plain mixtures of the voices of one split with the music of another."""

from __future__ import annotations

import argparse

from training.commands.options import add_stems

HELP = "how well networks separate voices and music that they were not trained on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="RUN|PRESET")
    add_stems(parser)
    parser.add_argument(
        "--frames", type=int, default=192, help="of a mixture (default: 192; a U-Net needs a multiple of 64)"
    )
    parser.add_argument("--count", type=int, default=40, help="mixtures of a row (default: 40)")


def run(args: argparse.Namespace) -> None:
    from training.evaluation.generalisation import gap

    if min(args.frames, args.count) < 1:
        raise ValueError(f"gap: expected counts of at least 1. Received: --frames {args.frames} --count {args.count}")
    print(gap(args.networks, args.data, args.cache, args.frames, args.count))
