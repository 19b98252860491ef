"""Write models, catalogue, example song and golden vectors into the Android demo."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--project",
        type=Path,
        default=Path("android_demo"),
        metavar="DIR",
        help="folder with app/ and core/ (default: %(default)s)",
    )
    parser.add_argument(
        "--no-golden", action="store_true", help="leave out the golden vectors, which only the tests of core/ need"
    )


def run(args: argparse.Namespace) -> None:
    from export.android.assets import write_assets

    for path in write_assets(args.project / "app"):
        print(path)
    if not args.no_golden:
        from export.android.golden import write_golden

        print(write_golden(args.project / "core", args.project / "app" / "src" / "main" / "assets" / "models"))
