"""The sources of an excerpt, as the mixer draws them, and the segment of their magnitudes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from keras_sep.signal import magnitude_views, stft
from keras_sep.spec import StreamSpec
from training.data.effects import Waveform

Array = npt.NDArray[np.float32]

CHUNK = 32  # frames transformed at once, few enough for the cache


@dataclass
class Segment:
    """The magnitudes of training excerpts, linear, ≥ 0: views of the mixture (…, F, V) and the sources (…, F, C)."""

    mixture: Array
    vocals: Array
    accompaniment: Array

    @classmethod
    def empty(cls, shape: tuple[int, ...], spec: StreamSpec) -> Segment:
        """Allocates a segment; `shape` are the axes before the bins, such as (T,) or (B, T)."""
        sizes = (spec.num_views, spec.num_channels, spec.num_channels)
        return cls(*(np.empty((*shape, spec.num_bins, size), np.float32) for size in sizes))


@dataclass
class Source:
    """A waveform (1 or C, samples), with the factors of its spectrum: equaliser (F,) and gains of the channels (C,)."""

    waveform: Waveform
    equaliser: Array
    gains: Array

    def spectrum(self, first: int, frames: int, spec: StreamSpec) -> npt.NDArray[np.complex64]:
        """Computes the spectrum (frames, C, F) from frame `first` on, with equaliser and gains applied."""
        start = first * spec.frame_step
        samples = self.waveform[:, start : start + (frames - 1) * spec.frame_step + spec.frame_length]
        return stft(samples.T, spec).transpose(0, 2, 1) * (self.gains[:, None] * self.equaliser)

    def scaled(self) -> Waveform:
        """Returns the waveform (C, samples) with the gains applied, without the equaliser."""
        return self.waveform * self.gains[:, None]


@dataclass
class Excerpt:
    """The two sources of a segment, and a noise floor, which counts as accompaniment."""

    vocals: Source
    accompaniment: Source
    spec: StreamSpec
    num_frames: int
    floor: Source | None = None

    def segment(self) -> Segment:
        segment = Segment.empty((self.num_frames,), self.spec)
        self.write(segment)
        return segment

    def write(self, segment: Segment) -> None:
        """Computes the magnitudes into the arrays of a segment of T frames."""
        both = (([self.vocals], segment.vocals), ([self.accompaniment, self.floor], segment.accompaniment))
        for first in range(0, self.num_frames, CHUNK):
            frames = min(CHUNK, self.num_frames - first)
            here, total = slice(first, first + frames), None
            for sources, out in both:
                audible = [source for source in sources if source is not None and source.gains.any()]
                if not audible:
                    out[here] = 0.0
                    continue
                spectrum, *others = (s.spectrum(first, frames, self.spec) for s in audible)
                for other in others:
                    spectrum += other
                np.abs(spectrum, out=out[here].transpose(0, 2, 1))
                total = spectrum if total is None else np.add(total, spectrum, out=total)
            if total is None:
                segment.mixture[here] = 0.0
            else:
                segment.mixture[here] = magnitude_views(total.transpose(0, 2, 1), self.spec)
