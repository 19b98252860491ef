"""Quality cannot silently regress: the shipped files keep their score on the example song."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from keras_sep import Separator
from keras_sep.presets import DEFAULT_PRESET, presets
from tests.golden.make_scores import EXAMPLE, FILES, score

SCORES = json.loads((EXAMPLE.parents[1] / "tests" / "golden" / "scores.json").read_text())


@pytest.mark.parametrize(("graph", "precision"), FILES)
def test_the_score_is_the_golden_one(graph, precision):
    found, golden = score(graph, precision), SCORES[f"{graph} {precision}"]
    assert found == pytest.approx(golden, abs=0.05)
    assert found["vocals"] > 0  # the mixture: −4.1 dB


def test_every_file_of_the_preset_is_scored():
    assert {(file.graph, file.precision) for file in presets()[DEFAULT_PRESET].files} == set(FILES)


def test_quantisation_costs_at_most_a_twentieth_of_a_decibel():
    """On the mean: the median of 25 frames jumps from one to the next."""
    exact = SCORES["mask float16"]
    for name, found in SCORES.items():
        for source in ("vocals_mean", "accompaniment_mean"):
            assert found[source] == pytest.approx(exact[source], abs=0.05), name


def test_both_graphs_are_one_model():
    mixture, rate = soundfile.read(EXAMPLE / "mixture.flac", dtype="float32", frames=5 * 44100)
    mask, waveform = (Separator(graph=graph).separate(mixture, rate)["vocals"] for graph in ("mask", "waveform"))
    error = np.sum((mask - waveform) ** 2) / np.sum(waveform**2)
    # They differ by where a rounding falls before quantisation, far below the quantisation itself.
    assert 10 * np.log10(error) < -25


def test_the_stems_add_up_to_the_song():
    mixture, rate = soundfile.read(EXAMPLE / "mixture.flac", dtype="float32", frames=5 * 44100)

    def rest_db(**options) -> float:
        stems = Separator(**options).separate(mixture, rate)
        return float(10 * np.log10(np.sum((sum(stems.values()) - mixture) ** 2) / np.sum(mixture**2)))

    assert max(rest_db(graph="mask"), rest_db(graph="waveform")) < -60
    assert rest_db(preset="lstm") > -40  # masks that know nothing of each other
