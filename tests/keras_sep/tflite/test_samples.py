"""Inputs of a step while it streams: the music's own frames, and the states that belong to them."""

from __future__ import annotations

import numpy as np

from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.tflite.graphs import MaskCore
from keras_sep.tflite.samples import EVERY, calibration_samples
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC, zero_states


def test_states_are_those_of_the_stream(or_unet, music):
    mixture = music(20 * SMALL_SPEC.frame_step / 44100)
    inputs = list(calibration_samples(MaskCore(or_unet), [mixture, mixture]))
    assert len(inputs) == 2 * 3  # steps 0, 8, 16
    assert all(set(one) == {"magnitude", "state_0"} for one in inputs)
    states = zero_states(or_unet)
    for frame in np.abs(StreamingStft(SMALL_SPEC).push(mixture))[:EVERY]:
        _, states = or_unet.step(frame[None], states)
    state = np.asarray(states[0])
    np.testing.assert_allclose(inputs[1]["state_0"], state, atol=1e-5)
    assert np.abs(state).max() > 1e-2
    assert not inputs[3]["state_0"].any()  # the second mixture starts from zero


def test_a_network_with_four_views_gets_four(bin_memory_unet, music):
    mixture = music(10 * FOUR_VIEWS.frame_step / 44100)
    inputs = list(calibration_samples(MaskCore(bin_memory_unet), [mixture]))
    views = magnitude_views(StreamingStft(FOUR_VIEWS).push(mixture), FOUR_VIEWS)
    np.testing.assert_array_equal(inputs[1]["magnitude"][0, 0], views[EVERY])
    assert len(inputs[1]) == 1 + len(bin_memory_unet.state_sizes)
