"""End commands at random moments: what is finished is whole, and the command given again completes it."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--commands", metavar="A,B", help="some of them (default: all)")
    parser.add_argument(
        "--ends",
        metavar="A,B",
        help="signals TERM, HUP, INT and KILL; full, of a disk; gone, of the output folder (default: all)",
    )
    parser.add_argument("--cases", type=int, default=3, help="of each command and each end (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("build/fuzz/kills"),
        metavar="DIR",
        help="holds the counts, from which the next call goes on (default: build/fuzz/kills)",
    )


def run(args: argparse.Namespace) -> int:
    from fuzz.kills.bench import ENDS, kill
    from fuzz.kills.scenarios import SCENARIOS

    chosen: list[list[str]] = []
    for option, text, known in (("commands", args.commands, list(SCENARIOS)), ("ends", args.ends, list(ENDS))):
        wanted = text.split(",") if text else known
        if unknown := [name for name in wanted if name not in known]:
            raise ValueError(f"--{option}: expected some of {', '.join(known)}. Received: {unknown[0]}")
        chosen.append(wanted)
    names, ends = chosen
    return 1 if kill(args.folder, args.seed, names, ends, args.cases) else 0
