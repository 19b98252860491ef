"""The running loudness that a network divides its input by; in a network: ../test_bin_memory_unet.py."""

from __future__ import annotations

import numpy as np
from keras import ops

from keras_sep.models.layers.blocks import compress
from keras_sep.models.layers.loudness import (
    LEAST,
    REFERENCE,
    TIME_CONSTANTS,
    LoudnessCell,
    loudness_tracker,
    normalise_loudness,
)
from keras_sep.models.recurrence import OverSequence
from tests.support.networks import SMALL_SPEC, magnitude

FRAMES = 12


def normalised(x: np.ndarray) -> np.ndarray:
    """Linear magnitude (B, T, F, V) → compressed and normalised, of the same shape."""
    frames = compress(x.reshape(-1, *x.shape[2:]))
    return ops.convert_to_numpy(normalise_loudness(frames, loudness_tracker(), OverSequence(x.shape[1]))).reshape(
        x.shape
    )


def test_the_running_loudness_is_the_larger_of_two_averages():
    x = np.random.default_rng(1).uniform(0, 1, (2, 40, 1)).astype(np.float32)
    x[:, 20:] *= 0.1  # there the slower one is larger
    found, *_ = loudness_tracker()(x)
    for t in range(40):
        averages = [
            np.average(x[:, : t + 1], axis=1, weights=np.exp(-np.arange(t, -1, -1) / time_constant))
            for time_constant in TIME_CONSTANTS
        ]
        np.testing.assert_allclose(found[:, t], np.maximum(*averages), atol=1e-6)


def test_a_frame_s_loudness_is_its_mean_compressed_magnitude():
    x = magnitude(1, batch=2) * np.array([30, 300], np.float32)[:, None, None, None]
    compressed = x**0.25
    loudness = compressed.mean(axis=(2, 3), keepdims=True)
    assert loudness.min() > LEAST
    np.testing.assert_allclose(normalised(x), REFERENCE * compressed / loudness, rtol=1e-4)


def test_a_steady_frame_comes_to_the_reference():
    x = magnitude(FRAMES) * 300
    x[:] = x[:, :1]
    np.testing.assert_allclose(normalised(x).mean(axis=(2, 3)), REFERENCE, rtol=1e-4)


def test_what_is_quieter_than_the_least_stays_quiet():
    x = np.full((1, FRAMES, 4, 2), (LEAST / 2) ** 4, np.float32)
    np.testing.assert_allclose(normalised(x), REFERENCE / 2, rtol=1e-4)
    silence = np.zeros((1, FRAMES, SMALL_SPEC.num_bins, SMALL_SPEC.num_channels), np.float32)
    assert normalised(silence).max() < 1e-3
    np.testing.assert_array_equal(normalised(silence), 0)


def test_it_has_no_weights():
    tracker = loudness_tracker()
    tracker.build((None, None, 1))
    assert not tracker.weights


def test_long_silence_leaves_no_subnormal_numbers():
    """Of a silence of minutes the last seconds: the averages of what was before it have come down to 1e-36."""
    frames, smallest = 1000, np.finfo(np.float32).tiny
    assert 1e-36 * np.exp(-frames / max(TIME_CONSTANTS)) < smallest  # negative control: there they would be subnormal
    cell = LoudnessCell()
    states = [np.full((1, 2), 1e-36, np.float32), np.ones((1, 2), np.float32)]
    for _ in range(frames):
        loudness, states = cell(np.zeros((1, 1), np.float32), states)
    assert np.asarray(loudness).max() < 1e-10
    assert np.asarray(states[0]).min() > smallest
