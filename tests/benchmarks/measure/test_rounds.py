"""Steps in rounds: how many, and what is said of their times. That a file is fast, no test says."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from benchmarks.measure import matrix_product, rounds
from benchmarks.measure.step_inputs import step_inputs
from benchmarks.peers.speech import Ours
from common.step_files import open_step
from keras_sep import Separator
from tests.support.networks import SMALL_SPEC
from tests.support.paths import EXAMPLE, GOLDEN


class Clock:
    """A step takes `ms`; every hundredth ten times as long."""

    def __init__(self, ms: float):
        self.ms, self.now, self.calls = ms, 0.0, 0

    def step(self, x: np.ndarray) -> None:
        self.calls += 1
        self.now += self.ms / 1000 * (10 if self.calls % 100 == 0 else 1)

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize(("ms", "most", "count"), [(0.2, 1000, 1000), (4.0, 1000, 250), (17.0, 1000, 100), (17, 5, 5)])
def test_steps_of_a_round_fill_a_second_but_never_fewer_than_a_percentile_needs(monkeypatch, ms, most, count):
    clock = Clock(ms)
    monkeypatch.setattr(rounds, "time", clock)
    loop = rounds.Loop(clock.step, np.zeros((7, 1)), most)
    loop.time_round()
    assert len(loop.rounds[0]) == count
    assert loop.figures()["p50_ms"] == pytest.approx(ms)
    assert loop.figures()["worst_ms"] == pytest.approx(ms if count < 90 else 10 * ms)


def test_the_reference_is_the_product_that_nothing_interrupted(monkeypatch):
    times = iter([t for k in range(20) for t in (10.0 * k, 10.0 * k + (2e-3 if k == 7 else 5e-3))])
    monkeypatch.setattr(matrix_product.time, "perf_counter", lambda: next(times))
    assert matrix_product.sgemm_gflops() == pytest.approx((2 * 512**3 / 2e6, 2 * 512**3 / 5e6))


def test_figures_are_medians_over_rounds():
    loop = rounds.Loop(print, np.zeros((1, 1)), 1)
    loop.rounds = [[1.0] * 98 + [5.0] * 2, [2.0] * 98 + [7.0] * 2, [90.0] * 100]
    assert loop.figures() == {"p50_ms": 2.0, "p99_ms": pytest.approx(7.0), "worst_ms": 7.0}


def test_the_onnx_step_is_the_tflite_step(models):
    """With its state: the steps of the second frame differ from the first ones' without it."""
    a, b = (open_step(models / f"small-mask-float32.{kind}") for kind in ("tflite", "onnx"))
    inputs = step_inputs("mask", SMALL_SPEC)[1000:1020]
    found = []
    for step in (a, b):
        out = [np.empty(inputs[0].shape, np.float32) for _ in SMALL_SPEC.sources]
        found.append(np.stack([np.stack(step(x, out)) for x in inputs]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    a.reset()
    assert np.abs(np.stack(a(inputs[-1])) - found[1][-1]).max() > 1e-4


def test_a_stream_of_ours_is_what_the_separator_computes(models):
    audio = soundfile.read(EXAMPLE / "mixture.flac", frames=6400, dtype="float32")[0]
    late = SMALL_SPEC.frame_length - SMALL_SPEC.frame_step
    paths = list(models.glob("small-*-float32.tflite"))
    assert len(paths) == 2
    for path in paths:
        stream = Ours(path)
        stems = np.concatenate([stream(block) for block in audio.reshape(-1, stream.block, 2)], axis=1)
        whole = Separator(model=path).separate(audio, 44100)["vocals"]
        np.testing.assert_array_equal(stems[0, late:], whole[:-late])


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_a_network_that_sees_mid_and_side_is_timed(graph):
    loop = rounds.file_loop(GOLDEN / f"views-{graph}-float32.tflite", 3)
    loop.time_round()
    assert len(loop.rounds[0]) == 3
