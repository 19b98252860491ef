"""Measure what noise or silence before a song costs the first seconds of its voice."""

from __future__ import annotations

import argparse

from training.commands.options import add_split, add_stems, current_preset

HELP = "a song's first seconds after silence or noise, through a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", metavar="RUN|PRESET", help="presets as they stream, runs in Keras")
    add_stems(parser)
    add_split(parser)


def run(args: argparse.Namespace) -> None:
    from training.evaluation.lead_in import first_seconds_table

    models = [current_preset(name) for name in args.models]
    print(first_seconds_table(models, args.data, args.split, args.cache))
