"""The figures by which a file and a preset state their quality."""

from __future__ import annotations

from typing import Any


def quality_of(verification: dict[str, Any]) -> dict[str, Any]:
    """Selects the part of a verification that goes into the file's metadata and into presets.json."""
    return {
        "sdr_db": verification["sdr_db"],
        "keras_sdr_db": verification["keras_sdr_db"],
        "vocals_snr_db": {n: step["vocals_snr_db"] for n, step in verification["steps"].items()},
    }
