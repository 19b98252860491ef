"""Is an exported file the Keras model? A quick look before it is written, through the runtime that will use it.

`export.verification.verify` looks longer, on real songs, before a file is published.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from common.scores import snr_db
from export.accuracy.gates import MAX_ERROR, MIN_SNR_DB
from keras_sep.models import MaskNetwork
from keras_sep.runtime import StepModel
from keras_sep.signal import OverlapAdd, StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec

NUM_FRAMES = 400
FORMANTS_HZ = np.array(  # of a, i, u, e, o, the first three (men's: Peterson and Barney, JASA 1952)
    [[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240], [530, 1840, 2480], [570, 840, 2410]]
)


class VerificationError(ValueError):
    """A file that is not the model it should be; it is not written."""


@dataclass(frozen=True)
class Agreement:
    """How near a file is to the float Keras sequence model, on one mixture.

    max_error: largest absolute difference of a mask or sample; snr_db: that of the worst source;
    its estimate against the difference.
    """

    max_error: float
    snr_db: float

    def to_dict(self) -> dict[str, float]:
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


def probe_signal(spec: StreamSpec, num_frames: int = NUM_FRAMES) -> npt.NDArray[np.float32]:
    """A song-like mixture (samples, C), the same every time: a singer, and what is not one.

    Gliding harmonics, noise bursts, a silence and a loud end, with sung vowels over them: without a voice a trained
    network's vocals are next to nothing, and integers, whose error does not shrink with the mask, look worse than
    they are on songs.
    """
    rng = np.random.default_rng(7)
    samples = num_frames * spec.frame_step
    time = np.arange(samples) / spec.sample_rate
    x = np.zeros((samples, spec.num_channels))
    for _ in range(6):
        pitch = rng.uniform(80, 700) * 2 ** (0.05 * np.sin(2 * np.pi * rng.uniform(3, 7) * time))
        phase = 2 * np.pi * np.cumsum(pitch) / spec.sample_rate
        tone = sum(np.sin(k * phase) / k for k in range(1, 12)) * (np.sin(2 * np.pi * rng.uniform(0.3, 2) * time) > 0)
        x += 0.06 * tone[:, None] * rng.uniform(0.3, 1.0, spec.num_channels)
    x += 0.05 * rng.standard_normal(x.shape) * (np.sin(2 * np.pi * 4 * time) > 0.9)[:, None]
    x += 0.2 * _sung_vowels(spec.sample_rate, samples, rng)[:, None]
    x[samples // 2 : samples // 2 + samples // 16] = 0
    x[-samples // 8 :] *= 4
    return np.clip(x, -1, 1).astype(np.float32)


def _sung_vowels(sample_rate: int, samples: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A melody (samples,) of RMS 1: harmonics with vibrato under the formants of a vowel, one a note of 0.45 s."""
    time = np.arange(samples) / sample_rate
    note, since = np.divmod(time, 0.45)
    notes, note = int(note[-1]) + 1, note.astype(int)
    formants = FORMANTS_HZ[rng.integers(len(FORMANTS_HZ), size=notes)][note].T
    semitones = rng.choice([0, 2, 4, 5, 7, 9, 11, 12], size=notes)[note] + 0.35 * np.sin(2 * np.pi * 5.5 * time)
    pitch = 220 * 2 ** (semitones / 12)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    voice = np.zeros(samples)
    for k in range(1, 30):
        distance = (k * pitch - formants) / (60 + 0.06 * formants)  # in half bandwidths
        gain = 0.02 + np.array([1.0, 0.6, 0.3]) @ (1 / (1 + distance**2))
        voice += np.where(k * pitch < 0.45 * sample_rate, gain, 0) * np.sin(k * phase) / k**0.3
    voice *= np.clip(np.minimum(since / 0.03, (0.45 - since) / 0.06), 0, 1)
    return voice / np.sqrt(np.mean(voice**2))


def check_file(
    path: Path,
    network: MaskNetwork,
    precision: str,
    mixture: npt.NDArray[np.float32] | None = None,
) -> Agreement:
    """Streams a mixture through a file and through Keras, and compares.

    Args:
        path: .tflite file with our metadata.
        network: what the file was made from.
        precision: whose tolerance applies.
        mixture: (samples, C); None for `probe_signal`.

    Raises:
        VerificationError: says by how much the file misses the tolerance of its precision.
    """
    step, spec = StepModel(path), network.spec
    mixture = probe_signal(spec) if mixture is None else mixture
    mixture = mixture[: len(mixture) // spec.frame_step * spec.frame_step]
    spectrum = StreamingStft(spec).push(mixture)
    expected = keras_masks(network, spectrum)
    if step.graph == "waveform":
        expected = [OverlapAdd(spec).push(mask * spectrum) for mask in expected]
        blocks = mixture.reshape(-1, spec.frame_step, spec.num_channels)
        found = list(np.concatenate([step(block) for block in blocks], axis=1))
    else:
        found = list(np.stack([step(frame) for frame in magnitude_views(spectrum, spec)], axis=1))
    if step.recoveries:  # the step hides it
        raise VerificationError(f"the file's output or state is not finite at {step.recoveries} steps")
    return compare(expected, found, precision, weight=np.abs(spectrum) if step.graph == "mask" else None)


def keras_masks(network: MaskNetwork, spectrum: npt.NDArray[np.complex64]) -> list[npt.NDArray[np.float32]]:
    """One mask (frames, F, C) a source of a whole spectrum (frames, F, C)."""
    masks = network.predict(magnitude_views(spectrum, network.spec)[None], verbose=0)
    return [np.asarray(masks[f"{source}_mask"][0]) for source in network.spec.sources]


def compare(
    expected: list[npt.NDArray[np.float32]],
    found: list[npt.NDArray[np.float32]],
    precision: str,
    weight: npt.NDArray[np.float32] | None = None,
) -> Agreement:
    """Agreement of two lists of outputs; masks are weighted by the magnitude they act on for their SNR."""
    if not all(np.all(np.isfinite(array)) for array in found):
        raise VerificationError("the file's output is not finite")
    max_error = max(float(np.max(np.abs(e - f))) for e, f in zip(expected, found, strict=True))
    w = 1.0 if weight is None else weight
    worst = min(snr_db(w * e, w * f) for e, f in zip(expected, found, strict=True))
    if precision in MAX_ERROR and max_error > MAX_ERROR[precision]:
        raise VerificationError(
            f"{precision}: expected a largest error of at most {MAX_ERROR[precision]:g}. Received: {max_error:.3g}"
        )
    if precision not in MAX_ERROR and worst < MIN_SNR_DB[precision]:
        raise VerificationError(
            f"{precision}: expected at least {MIN_SNR_DB[precision]:g} dB SNR. Received: {worst:.1f} dB"
        )
    return Agreement(max_error, worst)
