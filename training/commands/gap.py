"""Score networks on mixtures, without augmentation, of the voices of one split with the music of either split."""

from __future__ import annotations

import argparse

from training.commands.options import add_stems, current_preset

HELP = "measure how well networks separate voices and music that they were not trained on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("networks", nargs="+", metavar="RUN|PRESET", help="training runs or presets")
    add_stems(parser)
    parser.add_argument(
        "--frames",
        type=int,
        default=192,
        help="length of a mixture in frames (default: 192; a U-Net needs a multiple of 64)",
    )
    parser.add_argument("--count", type=int, default=40, help="number of mixtures for each row (default: 40)")


def run(args: argparse.Namespace) -> None:
    from training.evaluation.generalisation import gap

    if min(args.frames, args.count) < 1:
        raise ValueError(f"gap: expected counts of at least 1. Received: --frames {args.frames} --count {args.count}")
    print(gap([current_preset(name) for name in args.networks], args.data, args.cache, args.frames, args.count))
