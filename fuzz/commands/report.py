"""Write the counts of all calls into a document."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for name in ("audio", "models", "kills"):
        default = Path("build/fuzz") / name
        parser.add_argument(f"--{name}", type=Path, default=default, metavar="DIR", help=f"(default: {default})")
    document = Path("docs/results/robustness.md")
    parser.add_argument("--write", type=Path, default=document, metavar="FILE.md", help=f"(default: {document})")


def run(args: argparse.Namespace) -> None:
    from fuzz.reporting.document import write_report

    write_report(args.audio, args.models, args.kills, args.write)
