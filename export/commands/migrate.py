"""Convert a .keras file of the first release to one that this release loads."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "old",
        type=Path,
        metavar="OLD.keras",
        help="an or_unet_memories network; its <name>.json or presets.json is in the same folder",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="NEW.keras", help="file to write")


def run(args: argparse.Namespace) -> None:
    from export.conversion.migrate import migrate_file

    print(migrate_file(args.old, args.out))
