"""`python -m export publish`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "verified files to a preset in keras_sep/assets"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("converted", type=Path, metavar="DIR")
    parser.add_argument("--name", required=True, help="of the preset, as given to convert")
    parser.add_argument(
        "--files", required=True, help="comma-separated, such as waveform-float32; keras is the float network"
    )
    parser.add_argument("--description", required=True)
    parser.add_argument("--licence", required=True, help="SPDX identifier of the weights")
    parser.add_argument("--licence-file", type=Path, required=True)


def run(args: argparse.Namespace) -> None:
    from export.publishing.publish import publish

    entry = publish(args.converted, args.name, args.files.split(","), args.description, args.licence, args.licence_file)
    print(json.dumps(entry, indent=1))
