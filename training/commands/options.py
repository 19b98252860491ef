"""The options that several commands share."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any


def add_stems(parser: argparse.ArgumentParser, required: bool = True, use: str = "") -> None:
    """Adds --data, a folder of stems, and --cache, one folder for all runs, for commands that compare several runs."""
    parser.add_argument("--data", type=Path, required=required, help=f"folder of stems{use}")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/cache"), help="folder for decoded audio (default: runs/cache)"
    )


def add_split(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", default="test", help="songs to score: train, valid or test (default: test)")


def add_data_options(parser: argparse.ArgumentParser, cache: str) -> None:
    """Adds --data, --dataset, --cache and --strict, for commands that read one data set; `cache` names the default."""
    parser.add_argument("--data", type=Path, required=True, help="folder of the data set")
    parser.add_argument(
        "--dataset",
        default="folder",
        help="layout of the data set: folder (default), musdb18, musdb18hq, dsd100, medleydb, ccmixter, or paper, the "
        "paper's mixture of three",
    )
    parser.add_argument("--cache", type=Path, help=f"folder for decoded audio (default: {cache})")
    parser.add_argument("--strict", action="store_true", help="fail on a file that cannot be read, do not skip it")


def add_scoring_options(parser: argparse.ArgumentParser, protocols: str) -> None:
    """Adds --excerpt, --protocols and --jobs, for commands that score songs; `protocols` is the default."""
    parser.add_argument("--excerpt", type=int, metavar="S", help="score only the S seconds with the most voice")
    parser.add_argument(
        "--protocols",
        default=protocols,
        metavar="A,B",
        help=f"BSS Eval v4, or v4,v3 (default: {protocols}); v3 takes about 2 s of a core per second of audio and row, "
        "v4 0.3 s",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=2,
        help="number of scoring processes, about 5 GB each for a song of 5 minutes (default: 2); 0 scores in the "
        "command's own process",
    )


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of commands that train; `training_options` reads them."""
    add_data_options(parser, cache="cache/ in the folder of --out")
    parser.add_argument(
        "--exclude-shared", action="store_true", help="leave out training songs that are also in the validation part"
    )
    parser.add_argument(
        "--max-minutes",
        type=float,
        metavar="M",
        help="stop after the last epoch that fits into M minutes, at least one; the same command continues the run",
    )
    parser.add_argument(
        "--devices", type=int, default=1, metavar="N", help="spread each batch over N devices (default: 1)"
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="mix in N processes, for accelerators that train faster than one thread mixes (default: 0, a thread)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="TABLE.KEY=VALUE",
        help="override a value of the configuration; may be repeated",
    )


def training_options(args: argparse.Namespace) -> dict[str, Any]:
    """Returns the parsed options as keyword arguments of `training.engine.training_run.train`.

    Raises:
        ValueError: --max-minutes is not above 0.
    """
    if args.max_minutes is not None and not args.max_minutes > 0:
        raise ValueError(f"--max-minutes: expected minutes above 0. Received: {args.max_minutes:g}")
    names = ("cache", "dataset", "exclude_shared", "strict", "max_minutes", "devices", "workers")
    return {name: getattr(args, name) for name in names}


def current_preset(name: str) -> str:
    """Returns the present name of a preset, with a warning on stderr for a former name; other names are unchanged."""
    from keras_sep.presets import current_name

    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        name = current_name(name)
    for warning in raised:
        print(f"warning: {warning.message}", file=sys.stderr)
    return name
