"""Gains, bypass and new streams, with a model whose voice is the mixture and whose accompaniment is half of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.paths import GOLDEN

pytestmark = pytest.mark.compiler

RATE = 44100
UNIT = GOLDEN / "unit-waveform-float32.tflite"
START = ["0 set freewheel 1", f"0 model {UNIT}"]


@pytest.fixture
def mix(host, music):
    """mix(*events, blocks) → the mix and the mixture, aligned: (samples, 2) each."""

    def run(*events: str, blocks: str = "1:777", waveform: np.ndarray | None = None):
        mixture = music(1.5) if waveform is None else waveform
        padded = np.pad(mixture, ((0, 5000), (0, 0)))
        result = host(padded, rate=RATE, blocks=blocks, events=[*START, *events])
        return result.mix[result.latency :][: len(mixture)], mixture[: len(padded) - result.latency]

    return run


def gain(decibels: float) -> float:
    return 10 ** (decibels / 20)


@pytest.mark.parametrize(
    ("voice", "accompaniment", "factor"),
    [(0, 0, 1.5), (-60, 0, 0.5), (0, -60, 1), (-60, -60, 0), (12, 6, gain(12) + gain(6) / 2), (-200, 99, gain(12) / 2)],
)
def test_gains(mix, voice, accompaniment, factor):
    out, mixture = mix(f"0 set voice {voice}", f"0 set accompaniment {accompaniment}")
    assert np.abs(out - factor * mixture).max() < 2e-6


def test_a_gain_that_is_no_number_is_silence(mix):
    out, mixture = mix("0 set voice nan")
    assert np.abs(out - 0.5 * mixture).max() < 1e-6


def test_gains_are_smooth(mix):
    """From 12 dB to silence in 20 ms, on a constant, on which every step would be heard."""
    events = ["0 set accompaniment -60", "0 set voice 12", "30000 set voice -60"]
    out, _ = mix(*events, waveform=np.full((60000, 2), 0.1))
    moving = np.abs(np.diff(out[3000:, 0]))
    whole = 0.1 * gain(12)
    assert np.ptp(out[3000:, 0]) == pytest.approx(whole, rel=1e-3)
    assert moving.max() <= 1.02 * whole / (0.02 * RATE)
    assert np.count_nonzero(moving > moving.max() / 2) == pytest.approx(0.02 * RATE, abs=2)


def test_sweeps_depend_on_time_alone(mix):
    """A sweep of both gains, the same in blocks of any size that end where the controls change."""
    events = [f"{1000 * k} set voice {-k}" for k in range(1, 40)]
    events += [f"{1000 * k + 500} set accompaniment {k % 12}" for k in range(1, 40)]
    events.sort(key=lambda event: int(event.split()[0]))
    swept, mixture = mix(*events, blocks="500:500")
    again, _ = mix(*events, blocks="1:333")
    assert np.abs(swept - again).max() < 1e-6
    assert np.abs(swept - 1.5 * mixture).max() > 0.01


def test_bypass_is_the_mixture_as_late(mix):
    out, mixture = mix("0 set enabled 0")
    assert np.array_equal(out, mixture)


def test_bypass_fades(mix):
    out, _ = mix("30000 set enabled 0", "45000 set enabled 1", waveform=np.full((60000, 2), 0.1))
    settled = out[3000:, 0]
    assert settled.max() == pytest.approx(0.15, rel=1e-3)
    assert settled.min() == pytest.approx(0.1, rel=1e-3)
    assert np.abs(np.diff(settled)).max() <= 1.02 * 0.05 / (0.02 * RATE)


def test_stems_stay_at_their_level(host, music):
    mixture = np.pad(music(1), ((0, 5000), (0, 0)))
    result = host(mixture, rate=RATE, events=[*START, "0 set voice -60", "0 set accompaniment -60"])
    late = mixture[: len(mixture) - result.latency]
    assert not result.mix.any()
    assert np.abs(result.stems[result.latency :] - np.concatenate([late, late / 2], axis=1)).max() < 1e-6


def test_activation_begins_a_new_stream(host, music):
    """To the bit, also at rates that are resampled."""
    for rate in (48000, 96000):
        before, song = 0.9 * np.sign(music(20000 / 44100)), music(0.5)
        whole = np.concatenate([before[:20000], song])
        restarted = host(whole, rate=rate, blocks="300:300", events=[*START, "20000 restart"])
        fresh = host(song, rate=rate, blocks="300:300", events=START)
        np.testing.assert_array_equal(restarted.mix[20000:], fresh.mix[: len(whole) - 20000])


def test_activation_at_the_rate_of_the_model(host, music):
    mixture = music(1.2)
    result = host(mixture, rate=RATE, blocks="300:300", events=[*START, "20000 restart"])
    assert np.abs(result.mix[result.latency : 20000] - 1.5 * mixture[: 20000 - result.latency]).max() < 2e-6
    assert not result.mix[20000 : 20000 + result.latency].any()
    again = result.mix[20000 + result.latency :]
    assert np.abs(again - 1.5 * mixture[20000 : 20000 + len(again)]).max() < 2e-6


def test_what_is_not_finite_passes(mix, music):
    mixture = music(1.5)
    mixture[20000, 1] = np.nan
    out, _ = mix(waveform=mixture)
    assert np.isfinite(out).all()
    assert np.abs(out[40000:] - 1.5 * mixture[40000 : len(out)]).max() < 2e-6
