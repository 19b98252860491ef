"""Measure each term of the paper's loss on validation mixtures: its size, its gradient, and whether it asks for
anything that l_0 does not."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import add_stems, current_preset

HELP = "size and gradient of l_0 and of each tap's feature loss"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("network", metavar="RUN|PRESET", help="network whose estimates are compared")
    parser.add_argument("--teacher", type=Path, required=True, metavar="RUN", help="run folder of a U-Net")
    add_stems(parser)
    parser.add_argument(
        "--frames", type=int, default=256, help="length of a mixture in frames, a multiple of 64 (default: 256)"
    )
    parser.add_argument("--count", type=int, default=24, help="number of mixtures (default: 24)")


def run(args: argparse.Namespace) -> None:
    from training.evaluation.loss_gradients import loss_gradients

    if min(args.frames, args.count) < 1:
        raise ValueError(
            f"losses: expected counts of at least 1. Received: --frames {args.frames} --count {args.count}"
        )
    network = current_preset(args.network)
    print(loss_gradients(network, args.teacher, args.data, args.cache, args.frames, args.count))
