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
    """Returns the periodic Hann window, (frame_length,), read-only.

    Examples:
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.signal import analysis_window
        >>> window = analysis_window(StreamSpec())
        >>> window.shape, float(window[0]), float(window[1024])
        ((2048,), 0.0, 1.0)
    """
    phase = 2.0 * np.pi * np.arange(spec.frame_length) / spec.frame_length
    window = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
    window.flags.writeable = False
    return window


@functools.lru_cache(maxsize=16)
def synthesis_window(spec: StreamSpec) -> Array:
    """Returns the window that makes overlap-add the inverse of `stft`, (frame_length,), read-only.

    It is the Hann window divided by the sum of its squares over all frames that cover a sample, 1.5 by default.

    Examples:
        >>> import numpy as np
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.signal import analysis_window, synthesis_window
        >>> spec = StreamSpec()
        >>> product = analysis_window(spec) * synthesis_window(spec)
        >>> bool(np.allclose(product.reshape(4, 512).sum(axis=0), 1))
        True
    """
    analysis = analysis_window(spec).astype(np.float64)
    total = (analysis**2).reshape(-1, spec.frame_step).sum(axis=0)
    window = (analysis / total.mean()).astype(np.float32)
    window.flags.writeable = False
    return window


def stft(waveform: npt.ArrayLike, spec: StreamSpec) -> ComplexArray:
    """Computes the spectrum of every whole frame of a waveform.

    Args:
        waveform: (samples, channels); samples ≥ frame_length give 1 + (samples − frame_length) // step frames.

    Returns:
        (frames, bins, channels), complex64; not scaled: a full-scale sine reaches frame_length / 4.

    Examples:
        >>> import numpy as np
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.signal import stft
        >>> stft(np.zeros((44100, 2)), StreamSpec()).shape  # one second
        (83, 1025, 2)
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
    """Computes the magnitudes that a network sees of a spectrum.

    One for each channel and then, if `spec.views` has them, mid and side: |L + R| / √2 and |L − R| / √2. A voice in the
    centre is in phase in both channels, which |L| and |R| alone cannot show.

    Args:
        spectrum: (frames, bins, channels), complex.

    Returns:
        (frames, bins, views), float32, linear, ≥ 0, contiguous.

    Examples:
        >>> import numpy as np
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.signal import magnitude_views
        >>> spec = StreamSpec(views=("left", "right", "mid", "side"))
        >>> centre = np.ones((1, spec.num_bins, 2), np.complex64)
        >>> magnitude_views(centre, spec)[0, 0].round(3).tolist()
        [1.0, 1.0, 1.4140000343322754, 0.0]
    """
    if spec.num_views > spec.num_channels:
        left, right = spectrum[..., :1], spectrum[..., 1:2]
        half = np.float32(np.sqrt(0.5))
        spectrum = np.concatenate([spectrum, (left + right) * half, (left - right) * half], axis=-1)
    # Not np.abs: its rounding depends on where a number lies in the array. In a step's own order of axes.
    return np.ascontiguousarray(np.sqrt(spectrum.real**2 + spectrum.imag**2))


def inverse_frames(spectrum: npt.ArrayLike, spec: StreamSpec) -> Array:
    """Transforms spectra back into windowed time frames, ready to be added up.

    Args:
        spectrum: (frames, bins, channels), complex.

    Returns:
        (frames, channels, frame_length), float32.

    Examples:
        >>> import numpy as np
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.signal import inverse_frames
        >>> inverse_frames(np.zeros((3, 1025, 2)), StreamSpec()).shape
        (3, 2, 2048)
    """
    frames = np.fft.irfft(np.asarray(spectrum).transpose(0, 2, 1), n=spec.fft_length, axis=-1)
    return frames[..., : spec.frame_length].astype(np.float32, copy=False) * synthesis_window(spec)


class StreamingStft:
    """Short-time Fourier transform of a stream: samples in, frames out.

    Args:
        spec: stream format.

    Examples:
        >>> import numpy as np
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.signal import StreamingStft
        >>> transform = StreamingStft(StreamSpec())
        >>> transform.push(np.zeros((500, 2))).shape  # less than a step: no frame yet
        (0, 1025, 2)
        >>> transform.push(np.zeros((600, 2))).shape
        (2, 1025, 2)
    """

    def __init__(self, spec: StreamSpec):
        self.spec = spec
        self.reset()

    def reset(self) -> None:
        """Forgets the samples so far; the next ones follow silence."""
        overlap = self.spec.frame_length - self.spec.frame_step
        self._pending = np.zeros((overlap, self.spec.num_channels), np.float32)

    def push(self, block: npt.ArrayLike) -> ComplexArray:
        """Takes any number of samples (samples, channels); returns the frames they complete."""
        samples = np.concatenate([self._pending, np.asarray(block, np.float32)])
        spectrum = stft(samples, self.spec)
        self._pending = samples[spectrum.shape[0] * self.spec.frame_step :].copy()
        return spectrum


class OverlapAdd:
    """Inverse of `StreamingStft`: frames in, samples out, delayed by frame_length − frame_step samples.

    Args:
        spec: stream format.

    Examples:
        >>> import numpy as np
        >>> from keras_sep import StreamSpec
        >>> from keras_sep.signal import OverlapAdd, StreamingStft
        >>> spec, rng = StreamSpec(), np.random.default_rng(0)
        >>> waveform = rng.normal(size=(4096, 2)).astype("float32")
        >>> result = OverlapAdd(spec).push(StreamingStft(spec).push(waveform))
        >>> bool(np.allclose(result[1536:], waveform[:-1536], atol=1e-5))
        True
    """

    def __init__(self, spec: StreamSpec):
        self.spec = spec
        self.reset()

    def reset(self) -> None:
        """Forgets the unfinished samples; the next frames follow silence."""
        overlap = self.spec.frame_length - self.spec.frame_step
        self._tail = np.zeros((self.spec.num_channels, overlap), np.float32)

    def push(self, spectrum: npt.ArrayLike) -> Array:
        """Takes spectra (frames, bins, channels); returns frames · frame_step complete samples."""
        frames = inverse_frames(spectrum, self.spec)
        step, num_frames = self.spec.frame_step, frames.shape[0]
        done = num_frames * step
        total = np.concatenate([self._tail, np.zeros((self.spec.num_channels, done), np.float32)], axis=1)
        # One frame after the other, oldest first: the sum must not depend on how frames are grouped.
        for t in range(num_frames):
            total[:, t * step : t * step + self.spec.frame_length] += frames[t]
        self._tail = total[:, done:].copy()
        return total[:, :done].T
