from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from keras_sep.signal import OverlapAdd, StreamingStft, analysis_window, magnitude_views, stft
from keras_sep.spec import StreamSpec

FOUR_VIEWS = ("left", "right", "mid", "side")
SPECS = [StreamSpec(), StreamSpec(frame_length=960, frame_step=240, fft_length=1024, num_channels=1)]


def _noise(spec: StreamSpec, samples: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((samples, spec.num_channels)).astype(np.float32)


@pytest.mark.parametrize("spec", SPECS)
def test_stft_against_a_direct_transform(spec):
    x = _noise(spec, 5 * spec.frame_length + 17)
    spectrum = stft(x, spec)
    assert spectrum.shape == (
        1 + (len(x) - spec.frame_length) // spec.frame_step,
        spec.num_bins,
        spec.num_channels,
    )
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.frame_length) / spec.frame_length)
    for t in (0, 3, len(spectrum) - 1):
        frame = x[t * spec.frame_step : t * spec.frame_step + spec.frame_length].astype(np.float64)
        expected = np.fft.rfft(frame * window[:, None], n=spec.fft_length, axis=0)
        np.testing.assert_allclose(spectrum[t], expected, atol=2e-4)


def test_stft_against_scipy():
    spec = StreamSpec()
    x = _noise(spec, 20000)
    _, _, theirs = scipy.signal.stft(
        x[:, 0],
        window="hann",
        nperseg=spec.frame_length,
        noverlap=spec.frame_length - spec.frame_step,
        boundary=None,
        padded=False,
    )
    # scipy divides by the window's sum.
    np.testing.assert_allclose(stft(x, spec)[:, :, 0], theirs.T * analysis_window(spec).sum(), atol=2e-4)


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("block", [1, 100, 512, 513, 4096])
def test_overlap_add_undoes_the_stft_for_any_block_size(spec, block):
    x = _noise(spec, 3000 if block == 1 else 30000)
    analysis, synthesis = StreamingStft(spec), OverlapAdd(spec)
    out = np.concatenate([synthesis.push(analysis.push(x[i : i + block])) for i in range(0, len(x), block)])
    late = spec.frame_length - spec.frame_step
    np.testing.assert_allclose(out[late:], x[: len(out) - late], atol=1e-6)
    assert not np.allclose(out[late - 1 :], x[: len(out) - late + 1], atol=1e-2)  # one sample off is seen


def test_blocks_give_the_same_bits():
    spec = StreamSpec()
    x = _noise(spec, 30000)
    whole = StreamingStft(spec).push(x)
    analysis = StreamingStft(spec)
    parts = np.concatenate([analysis.push(x[i : i + 777]) for i in range(0, len(x), 777)])
    assert np.array_equal(parts, whole[: len(parts)])


def test_less_than_a_frame_is_no_frame():
    spec = StreamSpec()
    assert stft(np.zeros((spec.frame_length - 1, 2)), spec).shape == (0, spec.num_bins, 2)
    assert OverlapAdd(spec).push(np.zeros((0, spec.num_bins, 2), np.complex64)).shape == (0, 2)


@pytest.mark.parametrize("num_channels", [1, 2, 3])
def test_views_are_the_magnitudes_of_the_channels(num_channels):
    spec = StreamSpec(num_channels=num_channels)
    spectrum = stft(_noise(spec, 5000), spec)
    views = magnitude_views(spectrum, spec)
    assert views.shape == (len(spectrum), spec.num_bins, num_channels)
    assert views.dtype == np.float32
    assert views.flags.c_contiguous
    np.testing.assert_allclose(views, np.abs(spectrum.astype(np.complex128)), rtol=1e-6)


def test_mid_and_side_are_those_of_the_waveform():
    """The transform is linear: they are the magnitudes of the waveforms (L + R) / √2 and (L − R) / √2."""
    spec = StreamSpec(views=FOUR_VIEWS)
    x = _noise(spec, 5000)
    x[:, 1] += 0.7 * x[:, 0]
    views = magnitude_views(stft(x, spec), spec)
    assert views.shape[-1] == spec.num_views == 4
    np.testing.assert_array_equal(views[..., :2], magnitude_views(stft(x, spec), StreamSpec()))
    left, right = x.T.astype(np.float64)
    direct = np.stack([(left + right) / np.sqrt(2), (left - right) / np.sqrt(2)], axis=1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(spec.frame_length) / spec.frame_length)
    for t in (0, len(views) - 1):
        frame = direct[t * spec.frame_step : t * spec.frame_step + spec.frame_length]
        expected = np.abs(np.fft.rfft(frame * window[:, None], n=spec.fft_length, axis=0))
        np.testing.assert_allclose(views[t, :, 2:], expected, atol=2e-4)
        assert np.abs(views[t, :, [3, 2]].T - expected).max() > 1  # negative control: the other one
    # Powers are kept: M² + S² = L² + R².
    powers = views.astype(np.float64) ** 2
    np.testing.assert_allclose(powers[..., 2:].sum(axis=-1), powers[..., :2].sum(axis=-1), rtol=1e-4)


def test_the_centre_is_in_no_side_and_the_opposite_in_no_mid():
    spec = StreamSpec(views=FOUR_VIEWS)
    mono = _noise(StreamSpec(num_channels=1), 5000)
    for channels, silent, loud in ((np.hstack([mono, mono]), 3, 2), (np.hstack([mono, -mono]), 2, 3)):
        views = magnitude_views(stft(channels, spec), spec)
        assert views[..., silent].max() == 0
        np.testing.assert_allclose(views[..., loud], np.sqrt(2) * views[..., 0], rtol=1e-5)


def test_views_of_a_frame_do_not_depend_on_the_others():
    spec = StreamSpec(views=FOUR_VIEWS)
    spectrum = stft(_noise(spec, 9000), spec)
    whole = magnitude_views(spectrum, spec)
    for t in range(len(spectrum)):
        np.testing.assert_array_equal(magnitude_views(spectrum[t : t + 1], spec)[0], whole[t])
