"""What each condition does to a song and what it leaves."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import soundfile

from tests.support.paths import EXAMPLE
from training.evaluation.conditions import CONDITIONS, LABELS
from training.evaluation.scored_mixture import SOURCES, ScoredMixture


@pytest.fixture(scope="module")
def example() -> ScoredMixture:
    stems = {s: soundfile.read(EXAMPLE / f"{s}.ogg", dtype="float32", frames=5 * 44100)[0] for s in SOURCES}
    return ScoredMixture("lithium", 44100, stems)


def silence(num_samples: int, rate: int = 44100) -> ScoredMixture:
    return ScoredMixture("silence", rate, {s: np.zeros((num_samples, 2), np.float32) for s in SOURCES})


def test_every_condition_has_a_label():
    assert (
        list(CONDITIONS)
        == list(LABELS)
        == [
            *("level_+20db", "level_-20db", "lowpass_8khz", "mono", "mp3_128k", "noise_-80db"),
            "dc_10percent",
        ]
    )


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_keeps_the_length_the_types_and_its_input(example, name):
    before = {s: x.copy() for s, x in [*example.references.items(), ("mixture", example.mixture)]}
    scored = CONDITIONS[name](example)
    assert (scored.song, scored.sample_rate) == (example.song, example.sample_rate)
    for x in (scored.mixture, *scored.references.values()):
        assert x.shape == (len(example.mixture), 1 if name == "mono" else 2)
        assert x.dtype == np.float32
    if name not in ("mp3_128k", "noise_-80db"):
        atol = 2e-4 if name == "lowpass_8khz" else 1e-5  # noise at −98 dB
        np.testing.assert_allclose(sum(scored.references.values()), scored.mixture, atol=atol)
    for s in SOURCES:
        np.testing.assert_array_equal(example.references[s], before[s])
    np.testing.assert_array_equal(example.mixture, before["mixture"])


def test_noise_is_in_the_mixture_alone_and_the_same_every_time(example):
    scored = CONDITIONS["noise_-80db"](example)
    noise = scored.mixture - example.mixture
    assert 20 * np.log10(noise.std()) == pytest.approx(-80, abs=0.1)
    assert np.abs(np.corrcoef(noise.T)[0, 1]) < 0.01
    for source in SOURCES:
        np.testing.assert_array_equal(scored.references[source], example.references[source])
    np.testing.assert_array_equal(scored.mixture, CONDITIONS["noise_-80db"](example).mixture)


def test_a_dc_offset_is_in_the_mixture_and_the_accompaniment(example):
    scored = CONDITIONS["dc_10percent"](example)
    np.testing.assert_allclose(scored.mixture - example.mixture, 0.1, atol=1e-6)
    offset = scored.references["accompaniment"] - example.references["accompaniment"]
    np.testing.assert_allclose(offset, 0.1, atol=1e-6)
    np.testing.assert_array_equal(scored.references["vocals"], example.references["vocals"])


@pytest.mark.parametrize(("name", "gain"), [("level_+20db", 10), ("level_-20db", 0.1)])
def test_levels_are_exact_and_never_clip(example, name, gain):
    scored = CONDITIONS[name](example)
    np.testing.assert_allclose(scored.mixture, example.mixture * gain, rtol=1e-6)
    np.testing.assert_allclose(scored.references["vocals"], example.references["vocals"] * gain, rtol=1e-6)


def test_the_lowpass_is_flat_below_8_khz_and_empty_from_8_5_without_delay():
    scored = silence(8192)
    scored.mixture[4000] = 1
    response = CONDITIONS["lowpass_8khz"](scored).mixture[:, 0]
    np.testing.assert_allclose(response[3000:4000], response[5000:4000:-1], atol=1e-7)  # zero phase
    hz = np.fft.rfftfreq(8192, 1 / 44100)
    level = 20 * np.log10(np.abs(np.fft.rfft(response)) + 1e-12)
    assert np.abs(level[hz < 8000]).max() < 0.01
    assert level[hz > 8500].max() < -60


def test_the_lowpass_keeps_a_mixture_that_is_not_the_sum(example):
    other = ScoredMixture("other", 44100, example.references, 0.5 * example.mixture)
    expected = 0.5 * CONDITIONS["lowpass_8khz"](example).mixture
    np.testing.assert_allclose(CONDITIONS["lowpass_8khz"](other).mixture, expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"above 17000 Hz\. Received: 16000"):
        CONDITIONS["lowpass_8khz"](silence(100, 16000))


def test_mono_is_the_mean_of_the_channels(example):
    scored = CONDITIONS["mono"](example)
    np.testing.assert_allclose(scored.mixture[:, 0], example.mixture.mean(axis=1), atol=1e-6)
    again = CONDITIONS["mono"](scored)
    np.testing.assert_array_equal(again.mixture, scored.mixture)


@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize("num_samples", [1152 * 20, 1152 * 20 + 1, 99_999])
def test_mp3_comes_back_aligned_to_the_sample(example, num_channels, num_samples):
    stems = {s: x[44100 : 44100 + num_samples, :num_channels] for s, x in example.references.items()}
    scored = ScoredMixture("part", 44100, stems)
    coded = CONDITIONS["mp3_128k"](scored)
    assert coded.mixture.shape == scored.mixture.shape
    a, b = scored.mixture[:, 0].astype(float), coded.mixture[:, 0].astype(float)
    correlation = scipy.signal.correlate(b, a, "full", "fft")
    assert int(np.argmax(correlation)) - (len(a) - 1) == 0
    snr = 10 * np.log10(np.sum(a**2) / np.sum((a - b) ** 2))
    assert 12 < snr < 60  # coded, and not by much
    late = 10 * np.log10(np.sum(a[1:] ** 2) / np.sum((a[1:] - b[:-1]) ** 2))
    assert late < snr - 3  # a sample's shift would show
    for s in SOURCES:
        np.testing.assert_array_equal(coded.references[s], scored.references[s])


def test_mp3_cuts_at_16_khz_as_at_128_kbit_s():
    noise = (0.1 * np.random.default_rng(0).standard_normal((88200, 2))).astype(np.float32)
    scored = ScoredMixture("noise", 44100, {"vocals": noise, "accompaniment": 0 * noise})
    level = np.abs(np.fft.rfft(CONDITIONS["mp3_128k"](scored).mixture[:, 0])) ** 2
    hz = np.fft.rfftfreq(88200, 1 / 44100)
    assert level[hz > 18000].mean() < 1e-4 * level[hz < 15000].mean()


def test_mp3_of_a_mixture_beyond_full_scale_is_not_clipped(example):
    gain = 8 / np.abs(example.mixture).max()
    loud = ScoredMixture("loud", 44100, {s: x * gain for s, x in example.references.items()})
    coded = CONDITIONS["mp3_128k"](loud)
    snr = 10 * np.log10(np.sum(loud.mixture**2) / np.sum((loud.mixture - coded.mixture) ** 2))
    assert snr > 12
    assert np.abs(coded.mixture).max() == pytest.approx(8, rel=0.2)


def test_mp3_of_nothing_and_at_rates_that_it_does_not_have():
    np.testing.assert_allclose(CONDITIONS["mp3_128k"](silence(5000)).mixture, 0, atol=1e-4)
    with pytest.raises(ValueError, match=r"44100, 48000 Hz\. Received: 96000"):
        CONDITIONS["mp3_128k"](silence(5000, 96000))
