"""Copy verified files into keras_sep/assets as a preset."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("converted", type=Path, metavar="DIR", help="output folder of convert")
    parser.add_argument("--name", required=True, help="name of the preset, as given to convert")
    parser.add_argument(
        "--files", required=True, help="comma-separated, such as waveform-float32; keras stands for the float network"
    )
    parser.add_argument("--description", required=True, help="one line for `keras-sep presets`")
    parser.add_argument("--licence", required=True, help="SPDX identifier of the weights' licence")
    parser.add_argument("--licence-file", type=Path, required=True, help="its text, with the credits of the data")


def run(args: argparse.Namespace) -> None:
    from export.publishing.publish import publish

    entry = publish(args.converted, args.name, args.files.split(","), args.description, args.licence, args.licence_file)
    print(json.dumps(entry, indent=1))
