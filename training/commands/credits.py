"""Print the licence of a run's weights, and the credits of the recordings that they were trained on."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from common.exposure import DIGITS, TrainingExposure

HELP = "print the licence and the credits of a run's weights"
HEADER = """{name}: weights of keras_sep

{terms}

Trained and validated on recordings by these people and projects, under the licences that their
sources state. None of the recordings is contained in the weights' files.
"""
TERMS = {
    "nc": "Licensed under Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International (CC BY-NC-SA 4.0),\n"
    "https://creativecommons.org/licenses/by-nc-sa/4.0/legalcode: not for commercial use, because a part of the\n"
    "recordings is licensed that way.",
    "free": "Licensed under Creative Commons Attribution-ShareAlike 4.0 International (CC BY-SA 4.0),\n"
    "https://creativecommons.org/licenses/by-sa/4.0/legalcode.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="run folder of train")
    parser.add_argument("--data", type=Path, required=True, help="folder with the manifest.csv of the recordings")
    parser.add_argument("--name", required=True, help="name of the weights, for the first line")


def run(args: argparse.Namespace) -> None:
    print(credits_text(args.run, args.data, args.name), end="")


def credits_text(run: Path, data: Path, name: str) -> str:
    """Formats the terms and the credits of a run's weights.

    Args:
        run: folder of `python -m training train`, with its manifest.json.
        data: folder with the manifest.csv of the recordings.
        name: name of the weights.

    Raises:
        ValueError: the run has no manifest, or manifest.csv lacks a column or one of its recordings.
    """
    from training.data.datasets.folder import manifest
    from training.data.datasets.track import files_of

    exposure = TrainingExposure.of_run(run).rows()
    stems, inherited = ([row for row in exposure if bool(row["path"]) == own] for own in (True, False))
    known_rows = manifest(data, "licence", "licence_family")
    paths = {file for stem in stems for file in files_of(stem["path"], known_rows)}
    # Recordings of the initial weights are known by name or by the first digits of their hash. Those that are not
    # credited here are covered by the licence and the credits of these weights.
    known = {stem["song"] for stem in stems} | {stem["sha256"][:DIGITS] for stem in stems}
    unseen = [row for row in inherited if (row["song"] or row["sha256"][:DIGITS]) not in known]
    begun = sorted({(row["dataset"], row["licence"]) for row in unseen})
    if missing := paths - set(known_rows):
        raise ValueError(f"{data}/manifest.csv: expected {len(missing)} more files. First: {min(missing)}")
    rows = [row for path, row in known_rows.items() if path in paths]
    free = all(row["licence_family"] == "free" for row in rows) and not any("-NC" in licence for _, licence in begun)
    sources: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        source = row.get("source") or "source not stated"
        sources[source.removeprefix("github:"), row["licence"]] += 1
    lines = [
        f"- {source}: {count} file{'s' if count > 1 else ''}, {licence}"
        for (source, licence), count in sorted(sources.items())
    ]
    lines += [f"- weights of the {origin}, {licence}, with the credits of its own" for origin, licence in begun]
    return HEADER.format(name=name, terms=TERMS["free" if free else "nc"]) + "\n" + "\n".join(lines) + "\n"
