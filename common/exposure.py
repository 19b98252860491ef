"""Training exposure: the recordings that weights were trained on, so that nobody scores the weights on them.

A run's manifest.json lists the recordings of the run itself, of its initial weights and of its teacher. Files and
presets carry the names of the songs and the first digits of the recordings' SHA-256.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a type only: code that reads recordings does not need keras_sep
    from keras_sep.presets import Preset

SPLITS = ("train", "valid")
DIGITS = 16  # of a SHA-256; a .tflite file keeps only these
Row = dict[str, str]
UNKNOWN = dict.fromkeys(("path", "sha256", "licence", "song", "dataset"), "")


@dataclass(frozen=True)
class TrainingExposure:
    """The recordings that weights were trained or validated on: rows of a manifest, by split.

    Each row has the keys path, sha256, licence, song and dataset; an unknown value is "".
    """

    train: list[Row] = field(default_factory=list)
    valid: list[Row] = field(default_factory=list)

    @classmethod
    def of_run(cls, run: Path) -> TrainingExposure:
        """Reads the exposure from a run's manifest.json.

        Raises:
            ValueError: the manifest is missing or cannot be read.
        """
        path = run / "manifest.json"
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))
            return cls(*([{**UNKNOWN, **row} for row in rows[split]] for split in SPLITS))
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ValueError(f"{path}: expected the manifest of a run. Received: {type(error).__name__}") from error

    @classmethod
    def of_provenance(cls, trained_on: Mapping[str, Any], **known: str) -> TrainingExposure:
        """Builds the exposure from `trained_on` in the provenance of a file or preset; `known` goes into every row."""
        row = {**UNKNOWN, **known}
        rows = {
            split: [{**row, "song": song} for song in trained_on[split]["songs"]]
            + [{**row, "sha256": digits} for digits in trained_on[split]["stems"]]
            for split in SPLITS
        }
        return cls(**rows)

    @classmethod
    def of_preset(cls, preset: Preset) -> TrainingExposure:
        """Builds the exposure from the provenance of a shipped preset."""
        known = {"licence": preset.licence, "dataset": f"preset {preset.name}"}
        return cls.of_provenance(preset.provenance["trained_on"], **known)

    def __or__(self, other: TrainingExposure) -> TrainingExposure:
        """Returns the union of both, with each row once."""
        parts = (
            own + [row for row in theirs if row not in own]
            for own, theirs in zip((self.train, self.valid), (other.train, other.valid), strict=True)
        )
        return TrainingExposure(*parts)

    def rows(self, splits: Iterable[str] = SPLITS) -> list[Row]:
        return [row for split in splits for row in getattr(self, split)]

    def songs(self, splits: Iterable[str] = SPLITS) -> frozenset[str]:
        """Returns the names of the songs in `splits`."""
        return frozenset(row["song"] for row in self.rows(splits)) - {""}

    def stems(self, splits: Iterable[str] = SPLITS) -> frozenset[str]:
        """Returns the first `DIGITS` digits of the SHA-256 of each recording in `splits`."""
        return frozenset(row["sha256"][:DIGITS] for row in self.rows(splits)) - {""}

    def to_provenance(self) -> dict[str, dict[str, list[str]]]:
        """Returns the `trained_on` that a file carries: song names and the first digits of hashes, by split."""
        return {split: {"songs": sorted(self.songs([split])), "stems": sorted(self.stems([split]))} for split in SPLITS}

    def to_dict(self) -> dict[str, list[Row]]:
        """Returns the content of a manifest.json: all rows, by split."""
        return {"train": self.train, "valid": self.valid}


def splits_exposed(split: str) -> tuple[str, ...]:
    """Returns the splits whose songs must not be scored as part of `split`.

    Weights may be scored on the songs that they were validated on, if these are scored as validation songs.
    """
    return ("train",) if split == "valid" else SPLITS
