"""Train U-Net, LSTM, OR-U-Net and OR-U-Net_df alike, the last with the first as its teacher, and score them on songs.
After an interruption the same command continues."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.commands.options import add_scoring_options, add_split, add_training_options, training_options

HELP = "train and score the four methods of the paper"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, help="folder for the runs, their scores and tables")
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="train the two OR-U-Nets with N seeds each (default: 1)"
    )
    add_training_options(parser)
    add_split(parser)
    add_scoring_options(parser, protocols="v4")


def run(args: argparse.Namespace) -> None:
    from training.commands.reproduction import run_paper

    options = training_options(args) | {"protocols": args.protocols.split(","), "seeds": args.seeds}
    print(run_paper(args.out, args.data, args.set, args.split, args.excerpt, args.jobs, **options))
