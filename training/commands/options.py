"""Options that several commands share."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any


def add_stems(parser: argparse.ArgumentParser, required: bool = True, use: str = "") -> None:
    """For what looks at several runs: a folder of stems, with one cache for all of them."""
    parser.add_argument("--data", type=Path, required=required, help=f"folder of stems{use}")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), help="folder for decoded audio (default: runs/cache)"
    )


def add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", default="test", help="songs to score: train, valid or test (default: test)")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """For what reads one data set of any layout."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument(
        "--dataset",
        default="folder",
        help="folder (default), musdb18, musdb18hq, dsd100, medleydb, ccmixter, or paper: the paper's mixture of three",
    )
    parser.add_argument("--cache", type=Path, help="folder for decoded audio (default: one of its own)")
    parser.add_argument("--strict", action="store_true", help="a file that cannot be read is an error, not skipped")


def add_scoring_options(parser: argparse.ArgumentParser, protocols: str) -> None:
    """For what scores songs; `protocols` is the default."""
    parser.add_argument("--excerpt", type=int, metavar="S", help="score only the S seconds with the most voice")
    parser.add_argument(
        "--protocols",
        default=protocols,
        metavar="A,B",
        help=f"v4, or v4,v3 (default: {protocols}); v3 takes about 2 s of a core per second of audio and row, v4 0.3 s",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=2,
        help="scoring processes, about 5 GB each for a song of 5 minutes (default: 2); 0 scores in the command's own",
    )


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """For what trains; read them with `training_options`."""
    add_data_options(parser)
    parser.add_argument(
        "--exclude-shared", action="store_true", help="leave out songs that are in the validation part too"
    )
    parser.add_argument(
        "--max-minutes",
        type=float,
        metavar="M",
        help="stop after the last epoch that fits, at least one; the same command goes on",
    )
    parser.add_argument("--devices", type=int, default=1, metavar="N", help="spread each batch over N devices")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="mix in N processes, for accelerators that train faster than one thread mixes (default: 0, a thread)",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the configuration")


def training_options(args: argparse.Namespace) -> dict[str, Any]:
    """Keyword arguments of `training.engine.training_run.train`."""
    if args.max_minutes is not None and not args.max_minutes > 0:
        raise ValueError(f"--max-minutes: expected minutes above 0. Received: {args.max_minutes:g}")
    names = ("cache", "dataset", "exclude_shared", "strict", "max_minutes", "devices", "workers")
    return {name: getattr(args, name) for name in names}


def current_preset(name: str) -> str:
    """The present name of a preset, with a line on stderr where an old one was given; any other name as it is."""
    from keras_sep.presets import current_name

    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        name = current_name(name)
    for warning in raised:
        print(f"warning: {warning.message}", file=sys.stderr)
    return name
