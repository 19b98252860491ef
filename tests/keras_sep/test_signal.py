from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from keras_sep.signal import OverlapAdd, StreamingStft, analysis_window, stft
from keras_sep.spec import StreamSpec

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
