"""Makes scores.json: the shipped files' scores on the example song, which later versions must not fall below.

Of the default preset the SDR of the whole song, by BSS Eval, which takes minutes; of every file the SI-SDR of the
song's first seconds, which takes less than one.

Run from the repository's root: .venv/bin/python -m tests.golden.make_scores
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from keras_sep import Separator
from keras_sep.presets import presets
from tests.support.paths import EXAMPLE
from training.evaluation.metrics import bss_eval, si_sdr

SOURCES = ("vocals", "accompaniment")
FILES = tuple((graph, precision) for precision in ("dynamic_int8", "float16") for graph in ("mask", "waveform"))
ALL_FILES = [(name, file.graph, file.precision) for name, preset in presets().items() for file in preset.files]
EXCERPT_S = 4


def song(seconds: int | None = None) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """The mixture, its sources by name, and their rate; the whole song, or its first seconds."""
    mixture, rate = soundfile.read(EXAMPLE / "mixture.flac", dtype="float32")
    samples = len(mixture) if seconds is None else seconds * rate
    references = {name: soundfile.read(EXAMPLE / f"{name}.ogg", samples, dtype="float32")[0] for name in SOURCES}
    return mixture[:samples], references, rate


def score(graph: str, precision: str) -> dict[str, float]:
    """SDR in dB by source, of the default preset: BSS Eval v4, median and mean over 1 s frames."""
    mixture, references, rate = song()
    stems = Separator(graph=graph, precision=precision).separate(mixture, rate)
    sdr = bss_eval([references[source] for source in SOURCES], [stems[source] for source in SOURCES], rate)["SDR"]
    return {
        source + suffix: round(float(value), 3)
        for suffix, average in (("", np.nanmedian), ("_mean", np.nanmean))
        for source, value in zip(SOURCES, average(sdr, axis=1), strict=True)
    }


def excerpt_score(preset: str, graph: str, precision: str) -> dict[str, float]:
    """SI-SDR in dB by source, of the song's first seconds."""
    mixture, references, rate = song(EXCERPT_S)
    stems = Separator(preset=preset, graph=graph, precision=precision).separate(mixture, rate)
    return {source: round(si_sdr(references[source], stems[source]), 3) for source in SOURCES}


if __name__ == "__main__":
    scores = {
        "song": {f"{graph} {precision}": score(graph, precision) for graph, precision in FILES},
        "excerpt": {" ".join(file): excerpt_score(*file) for file in ALL_FILES},
    }
    Path(__file__).with_name("scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores, indent=1))
