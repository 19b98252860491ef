"""Measure how far one source alone, music without voice or a voice without music, is suppressed in the other's stem."""

from __future__ import annotations

import argparse

from training.commands.options import add_split, add_stems, current_preset

HELP = "music without voice, and voices without music, through a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", metavar="RUN|PRESET", help="presets as they stream, runs in Keras")
    add_stems(parser)
    add_split(parser)


def run(args: argparse.Namespace) -> None:
    from training.evaluation.single_source import suppression_table

    models = [current_preset(name) for name in args.models]
    print(suppression_table(models, args.data, args.split, args.cache))
