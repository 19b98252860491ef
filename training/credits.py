"""`python -m training credits`: whose recordings a run was trained on, for the licence of its weights."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path

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


def credits_text(run: Path, data: Path, name: str) -> str:
    """Terms and credits for the weights of a run.

    Args:
        run: folder of `python -m training train`, with its manifest.json.
        data: folder with the manifest.csv of the recordings.
        name: of the weights.
    """
    used = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    stems = [stem for split in used.values() for stem in split]
    paths = {stem["path"] for stem in stems} - {""}
    # What first weights have heard is known by name or by the beginning of its hash; their own licence and credits
    # speak for what is not credited here.
    known = {stem["song"] for stem in stems if stem["path"]} | {stem["sha256"][:16] for stem in stems if stem["path"]}
    unseen = [stem for stem in stems if not stem["path"] and (stem["song"] or stem["sha256"][:16]) not in known]
    begun = sorted({(stem["dataset"], stem["licence"]) for stem in unseen})
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["path"] in paths]
    if missing := paths - {row["path"] for row in rows}:
        raise ValueError(f"{data}/manifest.csv: expected {len(missing)} more files. First: {min(missing)}")
    free = all(row["licence_family"] == "free" for row in rows) and not any("-NC" in licence for _, licence in begun)
    sources: dict[tuple[str, str], int] = defaultdict(int)
    for row in rows:
        sources[row["source"].removeprefix("github:"), row["licence"]] += 1
    lines = [
        f"- {source}: {count} file{'s' if count > 1 else ''}, {licence}"
        for (source, licence), count in sorted(sources.items())
    ]
    lines += [f"- weights of the {origin}, {licence}, with the credits of its own" for origin, licence in begun]
    return HEADER.format(name=name, terms=TERMS["free" if free else "nc"]) + "\n" + "\n".join(lines) + "\n"
