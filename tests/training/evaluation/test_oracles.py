"""Ideal masks against themselves, against scipy, and against what they must not reach; REPET-SIM on what repeats."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import soundfile

from common.scores import snr_db
from tests.support.paths import EXAMPLE
from training.evaluation import oracles
from training.evaluation.oracles import KINDS, ideal_mask, vocals_mask
from training.evaluation.repet import NEIGHBOURS, repet_sim, similar_frames
from training.evaluation.scored_mixture import SOURCES, ScoredMixture


def both(scored: ScoredMixture, estimates: dict[str, np.ndarray]) -> tuple[float, ...]:
    return tuple(snr_db(scored.references[source], estimates[source]) for source in SOURCES)


@pytest.fixture(scope="module")
def example() -> ScoredMixture:
    stems = {s: soundfile.read(EXAMPLE / f"{s}.ogg", dtype="float32", frames=10 * 44100)[0] for s in SOURCES}
    return ScoredMixture("lithium", 44100, stems)


@pytest.fixture(scope="module")
def ideal(example) -> dict[str, dict[str, np.ndarray]]:
    return {kind: ideal_mask(example, kind) for kind in KINDS}


def sines(seconds: float = 1.0, rate: int = 44100) -> ScoredMixture:
    """A voice at 3 kHz and an accompaniment at 500 Hz, different in both channels."""
    t = np.arange(round(seconds * rate))[:, None] / rate
    stems = [np.sin(2 * np.pi * hz * t + [0, 1]) * [0.3, 0.2] for hz in (3000, 500)]
    return ScoredMixture("sines", rate, dict(zip(SOURCES, (stem.astype(np.float32) for stem in stems), strict=True)))


@pytest.mark.parametrize("kind", KINDS)
def test_an_oracle_is_far_above_the_mixture_on_both_stems(example, ideal, kind):
    before = both(example, dict.fromkeys(SOURCES, example.mixture))
    assert np.all(np.subtract(both(example, ideal[kind]), before) > (8, 5))


def test_masks_on_power_are_better_than_masks_on_magnitudes_and_those_differ_from_binary_ones(example, ideal):
    # On mean squares of two independent sources the Wiener gain is the best of the three.
    scores = {kind: both(example, ideal[kind]) for kind in KINDS}
    assert np.all(np.subtract(scores["irm2"], scores["irm1"]) > 0.1)
    assert np.all(np.subtract(scores["irm2"], scores["ibm"]) > 0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_stems_have_the_mixtures_shape_and_add_up_to_it(example, ideal, kind):
    assert all(ideal[kind][s].shape == example.mixture.shape for s in SOURCES)
    assert all(ideal[kind][s].dtype == np.float32 for s in SOURCES)
    np.testing.assert_allclose(sum(ideal[kind].values()), example.mixture, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("num_samples", [1, 511, 2048, 44100 + 17])
def test_sources_apart_in_frequency_come_out_nearly_perfect_to_the_last_sample(kind, num_samples):
    scored = sines()
    scored = ScoredMixture("sines", 44100, {s: scored.references[s][:num_samples] for s in SOURCES})
    estimates = ideal_mask(scored, kind)
    assert all(estimates[s].shape == (min(num_samples, 44100), 2) for s in SOURCES)
    if num_samples > 2048:
        assert min(both(scored, estimates)) > (35 if kind == "irm1" else 44)
        tail = ScoredMixture("tail", 44100, {s: scored.references[s][-600:] for s in SOURCES})
        assert min(both(tail, {s: estimates[s][-600:] for s in SOURCES})) > 15


def test_a_shift_of_a_frame_costs_decibels(example, ideal):
    late = {s: np.roll(example.references[s], 2048, axis=0) for s in SOURCES}
    shifted = ideal_mask(ScoredMixture("late", 44100, late, example.mixture), "irm2")
    assert np.all(np.subtract(both(example, ideal["irm2"]), both(example, shifted)) > 1)


@pytest.mark.parametrize(("kind", "exponent"), [("irm1", 1), ("irm2", 2)])
def test_scipy_with_the_same_window_says_the_same(example, ideal, kind, exponent):
    """Centred frames instead of ours, so that the numbers agree but not the samples."""
    settings = {"fs": 44100, "window": "hann", "nperseg": 2048, "noverlap": 1536}
    v, a, x = (
        scipy.signal.stft(w.T, **settings)[2]
        for w in (example.references["vocals"], example.references["accompaniment"], example.mixture)
    )
    v, a = np.abs(v) ** exponent, np.abs(a) ** exponent
    theirs = scipy.signal.istft(x * v / (v + a + 1e-30), **settings)[1].T[: len(example.mixture)]
    expected = both(example, {"vocals": theirs, "accompaniment": example.mixture - theirs})
    assert both(example, ideal[kind]) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_masks_at_ties_at_zero_and_where_squares_would_underflow(kind):
    v = np.array([0, 1, 1, 0, 3, 3e-30, 1e-30], np.float32)
    a = np.array([0, 1, 0, 1, 1, 1e-30, 3e-30], np.float32)
    expected = {
        "irm1": [0.5, 0.5, 1, 0, 0.75, 0.75, 0.25],
        "irm2": [0.5, 0.5, 1, 0, 0.9, 0.9, 0.1],
        "ibm": [0, 0, 1, 0, 1, 1, 0],
    }
    np.testing.assert_allclose(vocals_mask(v, a, kind), expected[kind], rtol=1e-6)


def test_every_channel_has_its_own_mask():
    scored = sines()
    left_only = {"vocals": scored.references["vocals"] * [1, 0], "accompaniment": scored.references["accompaniment"]}
    scored = ScoredMixture("left", 44100, {s: x.astype(np.float32) for s, x in left_only.items()})
    np.testing.assert_array_equal(ideal_mask(scored, "irm2")["vocals"][:, 1], 0)


def test_the_mixture_may_be_another_than_the_sum_and_mono(example):
    mono = {s: x.mean(axis=1, keepdims=True) for s, x in example.references.items()}
    noisy = sum(mono.values()) + np.float32(0.001)
    estimates = ideal_mask(ScoredMixture("mono", 44100, mono, noisy), "irm1")
    assert estimates["vocals"].shape == (len(noisy), 1)
    np.testing.assert_allclose(sum(estimates.values()), noisy, atol=1e-6)


def test_blocks_do_not_show(example, ideal, monkeypatch):
    monkeypatch.setattr(oracles, "_BLOCK_FRAMES", 7)
    np.testing.assert_allclose(ideal_mask(example, "irm1")["vocals"], ideal["irm1"]["vocals"], atol=1e-6)


def test_an_unknown_kind(example):
    with pytest.raises(ValueError, match=r"irm1, irm2, ibm.*kind='irm3'"):
        ideal_mask(example, "irm3")


@pytest.fixture(scope="module")
def loop() -> ScoredMixture:
    """A background that repeats every 0.5 s for 8 s, and a gliding voice that never does."""
    rate, rng = 22050, np.random.default_rng(3)
    t = np.arange(8 * rate) / rate
    # Chords of eight notes, one after the other, of four partials, each with its own decay.
    bar = np.zeros((rate // 2, 2))
    for k in range(8):
        note = np.arange(len(bar) - k * len(bar) // 8) / rate
        for hz in rng.uniform(120, 3000, 4):
            bar[-len(note) :] += (np.exp(-note * 12) * np.sin(2 * np.pi * hz * note))[:, None] * rng.uniform(0.3, 1, 2)
    background = 0.1 * np.tile(bar, (16, 1))
    phase = 2 * np.pi * np.cumsum(250 + 60 * t + 40 * np.sin(2 * np.pi * 0.37 * t**1.2)) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 6))[:, None] * np.array([0.12, 0.1])
    return ScoredMixture(
        "loop", rate, {"vocals": voice.astype(np.float32), "accompaniment": background.astype(np.float32)}
    )


def test_repet_sim_finds_what_repeats(loop):
    estimates = repet_sim(loop)
    before = both(loop, dict.fromkeys(SOURCES, loop.mixture))
    assert np.all(np.subtract(both(loop, estimates), before) > 4)
    assert all(estimates[s].shape == loop.mixture.shape for s in SOURCES)
    np.testing.assert_allclose(sum(estimates.values()), loop.mixture, atol=1e-6)
    np.testing.assert_array_equal(repet_sim(loop)["vocals"], estimates["vocals"])


def test_repet_sims_masks_are_each_channels_own_and_the_voice_ends_at_100_hz(loop):
    t = np.arange(len(loop.mixture))[:, None] / loop.sample_rate
    hum = (0.02 * t * np.sin(2 * np.pi * 50 * t)).astype(np.float32)  # never as loud again
    low = ScoredMixture("low", loop.sample_rate, loop.references, loop.mixture + hum)
    vocals = repet_sim(low)["vocals"]
    flipped = repet_sim(ScoredMixture("flipped", low.sample_rate, low.references, low.mixture[:, ::-1].copy()))[
        "vocals"
    ]
    np.testing.assert_allclose(flipped[:, ::-1], vocals, atol=1e-6)
    hz = np.fft.rfftfreq(len(t), 1 / low.sample_rate)
    heard, voice = (np.abs(np.fft.rfft(x, axis=0))[(hz > 45) & (hz < 55)].max() for x in (low.mixture, vocals))
    assert voice < 1e-2 * heard


@pytest.mark.parametrize("seconds", [0.0005, 0.1, 1.0, 3.0])
@pytest.mark.parametrize("num_channels", [1, 2])
def test_repet_sim_of_a_clip_too_short_to_repeat_still_adds_up(loop, seconds, num_channels):
    stems = {s: x[: round(seconds * 22050), :num_channels] for s, x in loop.references.items()}
    clip = ScoredMixture("clip", 22050, stems)
    estimates = repet_sim(clip)
    assert all(estimates[s].shape == clip.mixture.shape for s in SOURCES)
    np.testing.assert_allclose(sum(estimates.values()), clip.mixture, atol=1e-6)


def test_similar_frames_are_the_most_similar_ones_far_enough_away():
    magnitude = np.abs(np.random.default_rng(0).standard_normal((700, 8))).astype(np.float32)
    found = similar_frames(magnitude, 90)
    unit = magnitude / np.linalg.norm(magnitude, axis=1, keepdims=True)
    for t in (0, 89, 350, 513, 699):
        likeness = np.where(np.abs(np.arange(700) - t) < 90, -1, unit @ unit[t])
        expected = np.sort(np.argsort(likeness)[-NEIGHBOURS:])
        np.testing.assert_array_equal(np.sort(found[:, [t]].nonzero()[0]), expected)
