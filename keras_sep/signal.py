"""Short-time Fourier transform and overlap-add in NumPy, whole or streamed.

The reference against which the in-graph, Kotlin and JavaScript versions are tested.

Conventions: waveform (samples, channels), float32, full scale ±1. Spectrum (frames, bins, channels),
complex64. No centring: frame t holds samples t·step … t·step + frame_length − 1 of what it is given.
A stream starts with frame_length − frame_step zeros, so that its first frame ends with the first
frame_step samples that arrive, and every sample lies in frame_length / frame_step frames.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
ComplexArray = npt.NDArray[np.complex64]


@functools.lru_cache(maxsize=16)
def analysis_window(spec: StreamSpec) -> Array:
    """Periodic Hann window, (frame_length,)."""
    phase = 2.0 * np.pi * np.arange(spec.frame_length) / spec.frame_length
    window = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
    window.flags.writeable = False
    return window


@functools.lru_cache(maxsize=16)
def synthesis_window(spec: StreamSpec) -> Array:
    """Window that makes overlap-add the inverse of `stft`: Hann over the constant sum of its squares."""
    analysis = analysis_window(spec).astype(np.float64)
    total = (analysis**2).reshape(-1, spec.frame_step).sum(axis=0)
    window = (analysis / total.mean()).astype(np.float32)
    window.flags.writeable = False
    return window


def stft(waveform: npt.ArrayLike, spec: StreamSpec) -> ComplexArray:
    """Spectrum of every whole frame of a waveform.

    Args:
        waveform: (samples, channels); samples ≥ frame_length give 1 + (samples − frame_length) // step frames.

    Returns:
        (frames, bins, channels), complex64; not scaled: a full-scale sine reaches frame_length / 4.
    """
    x = np.ascontiguousarray(np.asarray(waveform, dtype=np.float32).T)
    num_frames = max(0, 1 + (x.shape[1] - spec.frame_length) // spec.frame_step)
    if num_frames == 0:
        return np.zeros((0, spec.num_bins, x.shape[0]), np.complex64)
    # Memory order is (frames, channels, bins), so that neither transform nor mask hops through memory.
    frames = np.lib.stride_tricks.sliding_window_view(x, spec.frame_length, axis=1)[:, :: spec.frame_step]
    spectrum = np.fft.rfft(frames.transpose(1, 0, 2) * analysis_window(spec), n=spec.fft_length, axis=-1)
    return spectrum.astype(np.complex64, copy=False).transpose(0, 2, 1)


def magnitude_views(spectrum: ComplexArray, spec: StreamSpec) -> Array:
    """What a network sees of a stereo (or other) spectrum: linear magnitudes (frames, bins, views), contiguous.

    Of each channel, and behind them, if `spec.views` has them, of mid and side, |L + R| / √2 and |L − R| / √2: what is
    in phase in the centre, where voices are, cannot be told from |L| and |R|.
    """
    if spec.num_views > spec.num_channels:
        left, right = spectrum[..., :1], spectrum[..., 1:2]
        half = np.float32(np.sqrt(0.5))
        spectrum = np.concatenate([spectrum, (left + right) * half, (left - right) * half], axis=-1)
    # Not np.abs: its rounding depends on where a number lies in the array. In a step's own order of axes.
    return np.ascontiguousarray(np.sqrt(spectrum.real**2 + spectrum.imag**2))


def inverse_frames(spectrum: npt.ArrayLike, spec: StreamSpec) -> Array:
    """Windowed time frames (frames, channels, frame_length), ready to be added up."""
    frames = np.fft.irfft(np.asarray(spectrum).transpose(0, 2, 1), n=spec.fft_length, axis=-1)
    return frames[..., : spec.frame_length].astype(np.float32, copy=False) * synthesis_window(spec)


class StreamingStft:
    """Samples in, frames out; keeps what the next frame needs."""

    def __init__(self, spec: StreamSpec, num_channels: int | None = None):
        self.spec = spec
        self._num_channels = spec.num_channels if num_channels is None else num_channels
        self.reset()

    def reset(self) -> None:
        overlap = self.spec.frame_length - self.spec.frame_step
        self._pending = np.zeros((overlap, self._num_channels), np.float32)

    def push(self, block: npt.ArrayLike) -> ComplexArray:
        """Takes any number of samples (samples, channels); returns the frames they complete."""
        samples = np.concatenate([self._pending, np.asarray(block, np.float32)])
        spectrum = stft(samples, self.spec)
        self._pending = samples[spectrum.shape[0] * self.spec.frame_step :].copy()
        return spectrum


class OverlapAdd:
    """Frames in, samples out: the inverse of `StreamingStft`, delayed by frame_length − frame_step."""

    def __init__(self, spec: StreamSpec, num_channels: int | None = None):
        self.spec = spec
        self._num_channels = spec.num_channels if num_channels is None else num_channels
        self.reset()

    def reset(self) -> None:
        overlap = self.spec.frame_length - self.spec.frame_step
        self._tail = np.zeros((self._num_channels, overlap), np.float32)

    def push(self, spectrum: npt.ArrayLike) -> Array:
        """Takes spectra (frames, bins, channels); returns frames · frame_step complete samples."""
        frames = inverse_frames(spectrum, self.spec)
        step, num_frames = self.spec.frame_step, frames.shape[0]
        done = num_frames * step
        total = np.concatenate([self._tail, np.zeros((self._num_channels, done), np.float32)], axis=1)
        # One frame after the other, oldest first: the sum must not depend on how frames are grouped.
        for t in range(num_frames):
            total[:, t * step : t * step + self.spec.frame_length] += frames[t]
        self._tail = total[:, done:].copy()
        return total[:, :done].T
