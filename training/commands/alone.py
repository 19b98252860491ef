"""Measure how far a single source, music without voice or voice without music, is suppressed in the other stem."""

from __future__ import annotations

import argparse

from training.commands.options import add_split, add_stems, current_preset

HELP = "measure what music without voice, and voice without music, leave in the other stem"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "models", nargs="+", metavar="RUN|PRESET", help="training runs, in Keras, or presets, as they stream"
    )
    add_stems(parser)
    add_split(parser)


def run(args: argparse.Namespace) -> None:
    from training.evaluation.single_source import suppression_table

    models = [current_preset(name) for name in args.models]
    print(suppression_table(models, args.data, args.split, args.cache))
