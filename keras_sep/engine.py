"""Samples in, stems out, for either exported graph, in three stages that can run in different threads.

    analyse (samples → frames)  →  infer (the network, frame by frame)  →  synthesise (→ stems)

Every stage gives the same bits however its input is cut into blocks, so streaming and offline use are
one computation. Stems lag behind by `spec.stem_delay` samples.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from keras_sep.runtime import StepModel
from keras_sep.signal import OverlapAdd, StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]
_ROUNDING = 1e-5  # ten times what float32 loses on the noise below, a five-hundredth of what the LSTM's masks miss


class Engine(Protocol):
    """The interface of both engines: three stages, each of which takes what the one before it returned.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.engine import Engine, build_engine
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.runtime import StepModel
        >>> engine: Engine = build_engine(StepModel(get_preset("small").file("mask", "dynamic_int8").path()))
        >>> samples = np.zeros((1024, 2), np.float32)
        >>> engine.synthesise(engine.infer(engine.analyse(samples))).shape  # sources, samples, channels
        (2, 1024, 2)
    """

    spec: StreamSpec
    step: StepModel

    def reset(self) -> None:
        """Forgets everything so far; the next samples follow silence."""

    def analyse(self, samples: Array) -> Any:
        """Takes any number of samples (n, C); returns the frames that they complete."""

    def infer(self, analysed: Any) -> Any:
        """Runs the network on frames, one after the other."""

    def synthesise(self, inferred: Any) -> Array:
        """Returns the stems (sources, frames · frame_step, C)."""


def build_engine(step: StepModel) -> Engine:
    """Builds the engine for a step's graph.

    Examples:
        >>> from keras_sep.engine import build_engine
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.runtime import StepModel
        >>> step = StepModel(get_preset("small").file("waveform", "dynamic_int8").path())
        >>> type(build_engine(step)).__name__
        'WaveformEngine'
    """
    return WaveformEngine(step) if step.graph == "waveform" else MaskEngine(step)


def stems_add_up(step: StepModel) -> bool:
    """Whether a model's stems add up to its mixture, as masks that sum to one make them; tried on noise.

    Leaves the model with zero states.

    Examples:
        >>> from keras_sep.engine import stems_add_up
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.runtime import StepModel
        >>> stems_add_up(StepModel(get_preset("small").candidates()[0].path()))
        True
    """
    spec, engine = step.spec, build_engine(step)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(4 * spec.frame_length, spec.num_channels))
    total = engine.synthesise(engine.infer(engine.analyse(noise.astype(np.float32)))).sum(axis=0)
    engine.reset()
    expected = noise[: len(total) - spec.stem_delay]
    return bool(np.abs(total[spec.stem_delay :] - expected).max() < _ROUNDING)


class MaskEngine:
    """The mask core between NumPy's STFT and overlap-add.

    Args:
        step: a file with the mask graph.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.engine import MaskEngine
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.runtime import StepModel
        >>> engine = MaskEngine(StepModel(get_preset("small").file("mask", "dynamic_int8").path()))
        >>> spectrum, magnitude = engine.analyse(np.zeros((1024, 2), np.float32))
        >>> spectrum, masks = engine.infer((spectrum, magnitude))
        >>> magnitude.shape, masks[0].shape  # four views of the mixture, masks for two channels
        ((2, 1025, 4), (2, 1025, 2))
    """

    def __init__(self, step: StepModel):
        self.spec = step.spec
        self.step = step
        self._stft = StreamingStft(self.spec)
        self._overlap_adds = [OverlapAdd(self.spec) for _ in self.spec.sources]

    def reset(self) -> None:
        self.step.reset()
        self._stft.reset()
        for overlap_add in self._overlap_adds:
            overlap_add.reset()

    def analyse(self, samples: Array) -> tuple[Spectrum, Array]:
        spectrum = self._stft.push(samples)
        return spectrum, magnitude_views(spectrum, self.spec)

    def infer(self, analysed: tuple[Spectrum, Array]) -> tuple[Spectrum, list[Array]]:
        spectrum, magnitude = analysed
        masks = [np.empty(spectrum.shape, np.float32) for _ in self.spec.sources]
        self.step.sequence(magnitude, masks)
        return spectrum, masks

    def synthesise(self, inferred: tuple[Spectrum, list[Array]]) -> Array:
        spectrum, masks = inferred
        # In the spectrum's order in memory: neither the product nor the transform hops through it.
        masks = [np.ascontiguousarray(mask.transpose(0, 2, 1)).transpose(0, 2, 1) for mask in masks]
        # Eq. (1), with the mixture's phase.
        return np.stack([o.push(mask * spectrum) for o, mask in zip(self._overlap_adds, masks, strict=True)])


class WaveformEngine:
    """The waveform graph, whose step also holds the STFT and the overlap-add.

    Args:
        step: a file with the waveform graph.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.engine import WaveformEngine
        >>> from keras_sep.presets import get_preset
        >>> from keras_sep.runtime import StepModel
        >>> engine = WaveformEngine(StepModel(get_preset("small").file("waveform", "dynamic_int8").path()))
        >>> engine.synthesise(engine.infer(engine.analyse(np.zeros((1024, 2), np.float32)))).shape
        (2, 1024, 2)
    """

    def __init__(self, step: StepModel):
        self.spec = step.spec
        self.step = step
        self._pending = np.zeros((0, self.spec.num_channels), np.float32)

    def reset(self) -> None:
        self.step.reset()
        self._pending = self._pending[:0]

    def analyse(self, samples: Array) -> Array:
        size = self.spec.frame_step
        pending = np.concatenate([self._pending, samples])
        whole = len(pending) // size * size
        self._pending = pending[whole:].copy()
        return pending[:whole].reshape(-1, size, self.spec.num_channels)

    def infer(self, analysed: Array) -> Array:
        stems = np.empty((len(self.spec.sources), *analysed.shape), np.float32)
        self.step.sequence(analysed, list(stems))
        return stems

    def synthesise(self, inferred: Array) -> Array:
        sources, frames, size, channels = inferred.shape
        return inferred.reshape(sources, frames * size, channels)
