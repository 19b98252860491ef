"""Write tables, figures and audio players of result folders of evaluate as one HTML page, which works offline, and the
tables as Markdown."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write an HTML page of result folders"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="result folders of evaluate")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="folder for index.html and table.md, or FILE.html (default: report)",
    )
    parser.add_argument("--title", default="Separation scores", help='title of the page (default: "Separation scores")')
    parser.add_argument(
        "--players",
        type=int,
        default=4,
        metavar="N",
        help="number of songs with audio players; those with the most voice are chosen (default: 4)",
    )


def run(args: argparse.Namespace) -> None:
    from training.report import write_report

    print(write_report(args.folders, args.out, args.title, args.players))
