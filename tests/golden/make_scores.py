"""Makes scores.json: SDR of the default preset on the example song, which later versions must not fall below.

Run from the repository's root: .venv/bin/python -m tests.golden.make_scores
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from keras_sep import Separator
from training.evaluation.metrics import bss_eval

EXAMPLE = Path(__file__).parents[2] / "examples" / "lithium"
SOURCES = ("vocals", "accompaniment")
FILES = (("mask", "dynamic_int8"), ("waveform", "dynamic_int8"), ("mask", "float16"))


def score(graph: str, precision: str) -> dict[str, float]:
    """SDR in dB by source: BSS Eval v4, median and mean over 1 s frames."""
    mixture, rate = soundfile.read(EXAMPLE / "mixture.flac", dtype="float32")
    references = [soundfile.read(EXAMPLE / f"{source}.ogg", dtype="float32")[0] for source in SOURCES]
    stems = Separator(graph=graph, precision=precision).separate(mixture, rate)
    sdr = bss_eval(references, [stems[source] for source in SOURCES], rate)["SDR"]
    return {
        source + suffix: round(float(value), 3)
        for suffix, average in (("", np.nanmedian), ("_mean", np.nanmean))
        for source, value in zip(SOURCES, average(sdr, axis=1), strict=True)
    }


if __name__ == "__main__":
    scores = {f"{graph} {precision}": score(graph, precision) for graph, precision in FILES}
    Path(__file__).with_name("scores.json").write_text(json.dumps(scores, indent=1) + "\n")
    print(json.dumps(scores, indent=1))
