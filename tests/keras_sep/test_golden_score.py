"""Quality cannot silently regress: the shipped files keep their score on the example song."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from keras_sep import Separator
from keras_sep.presets import DEFAULT_PRESET, presets
from tests.golden.make_scores import ALL_FILES, EXCERPT_S, FILES, SOURCES, excerpt_score, score, song
from tests.support.paths import EXAMPLE, GOLDEN
from training.evaluation.metrics import si_sdr

SCORES = json.loads((GOLDEN / "scores.json").read_text())
TOLERANCE_DB = 0.05


@pytest.mark.slow("scores the whole example song by BSS Eval")
@pytest.mark.parametrize(("graph", "precision"), FILES)
def test_the_score_is_the_golden_one(graph, precision):
    found, golden = score(graph, precision), SCORES["song"][f"{graph} {precision}"]
    assert found == pytest.approx(golden, abs=TOLERANCE_DB)
    assert found["vocals"] > 0  # the mixture: −3.6 dB


@pytest.mark.parametrize("file", ALL_FILES, ids=" ".join)
def test_the_first_seconds_score_is_the_golden_one(file):
    assert excerpt_score(*file) == pytest.approx(SCORES["excerpt"][" ".join(file)], abs=TOLERANCE_DB)


def test_a_regression_of_a_tenth_of_a_decibel_is_seen():
    """Negative control: a twentieth of the mixture's amplitude taken out of the vocals."""
    mixture, references, rate = song(EXCERPT_S)
    vocals = Separator(graph="mask", precision="dynamic_int8").separate(mixture, rate)["vocals"]
    golden = SCORES["excerpt"][f"{DEFAULT_PRESET} mask dynamic_int8"]["vocals"]
    assert si_sdr(references["vocals"], vocals) == pytest.approx(golden, abs=TOLERANCE_DB)
    assert golden - 0.15 < si_sdr(references["vocals"], vocals - 0.05 * mixture) < golden - 1.5 * TOLERANCE_DB
    assert si_sdr(references["vocals"], mixture) < golden - 9


def test_every_file_of_the_preset_is_scored():
    assert {(file.graph, file.precision) for file in presets()[DEFAULT_PRESET].files} == set(FILES)
    assert set(SCORES["song"]) == {" ".join(file) for file in FILES}
    assert set(SCORES["excerpt"]) == {" ".join(file) for file in ALL_FILES}
    assert all(set(scores) == set(SOURCES) for scores in SCORES["excerpt"].values())


def test_quantisation_costs_at_most_a_twentieth_of_a_decibel():
    """On the mean: the median of 25 frames jumps from one to the next."""
    exact = SCORES["song"]["mask float16"]
    for name, found in SCORES["song"].items():
        for source in ("vocals_mean", "accompaniment_mean"):
            assert found[source] == pytest.approx(exact[source], abs=0.05), name


def test_both_graphs_are_one_model():
    mixture, rate = soundfile.read(EXAMPLE / "mixture.flac", dtype="float32", frames=5 * 44100)
    mask, waveform = (Separator(graph=graph).separate(mixture, rate)["vocals"] for graph in ("mask", "waveform"))
    error = np.sum((mask - waveform) ** 2) / np.sum(waveform**2)
    # They differ by where a rounding falls before quantisation, far below the quantisation itself.
    assert 10 * np.log10(error) < -25


def test_the_stems_add_up_to_the_song(unit_model):
    mixture, rate = soundfile.read(EXAMPLE / "mixture.flac", dtype="float32", frames=5 * 44100)

    def rest_db(**options) -> float:
        stems = Separator(**options).separate(mixture, rate)
        return float(10 * np.log10(np.sum((sum(stems.values()) - mixture) ** 2) / np.sum(mixture**2)))

    assert max(rest_db(graph="mask"), rest_db(graph="waveform")) < -60
    assert rest_db(model=unit_model()) > -40  # masks of 1 and 1/2
