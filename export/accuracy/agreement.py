"""A quick comparison of an exported file with the Keras network, in the runtime that will use it, before it is kept.

`export.verification.verify` compares for longer, on real songs, before a file is published.
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
    """An exported file that does not match its Keras network."""


@dataclass(frozen=True)
class Agreement:
    """The closeness of a file to the float Keras network, which sees the whole sequence, on one mixture.

    Attributes:
        max_error: largest absolute difference of a mask or sample.
        snr_db: SNR of the worst source, in dB: the energy of Keras's estimate relative to that of the difference.
    """

    max_error: float
    snr_db: float

    def to_dict(self) -> dict[str, float]:
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


def probe_signal(spec: StreamSpec, num_frames: int = NUM_FRAMES) -> npt.NDArray[np.float32]:
    """Synthesises a song-like mixture, the same every time: sung vowels over an accompaniment.

    The accompaniment has gliding harmonics, noise bursts, a silence and a loud end. The voice is needed: without one a
    trained network's vocals are almost silent, and the error of an integer file, which does not shrink with the mask,
    would look worse than it is on songs.

    Args:
        spec: sample rate and channels.
        num_frames: length in frame steps, ≥ 1.

    Returns:
        Waveform (num_frames · frame_step, C) in [−1, 1], float32.
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
    """Synthesises a melody (samples,) with an RMS of 1: notes of 0.45 s with vibrato, each on a vowel's formants."""
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
) -> Agreement:
    """Compares a file, streamed step by step, with its Keras network on the whole `probe_signal`.

    Args:
        path: .tflite file with our metadata.
        network: the network that the file was converted from.
        precision: of the file; it selects the gate in `export.accuracy.gates`.

    Raises:
        VerificationError: the file misses the gate of its precision, or an output or state is not finite.
    """
    step, spec = StepModel(path), network.spec
    mixture = probe_signal(spec)
    spectrum = StreamingStft(spec).push(mixture)
    expected = keras_masks(network, spectrum)
    if step.graph == "waveform":
        expected = [OverlapAdd(spec).push(mask * spectrum) for mask in expected]
        blocks = mixture.reshape(-1, spec.frame_step, spec.num_channels)
        found = list(np.concatenate([step(block) for block in blocks], axis=1))
    else:
        found = list(np.stack([step(frame) for frame in magnitude_views(spectrum, spec)], axis=1))
    if step.recoveries:  # the outputs do not show it: the step replaces what is not finite
        raise VerificationError(f"the file's output or state is not finite at {step.recoveries} steps")
    return compare(expected, found, precision, weight=np.abs(spectrum) if step.graph == "mask" else None)


def keras_masks(network: MaskNetwork, spectrum: npt.NDArray[np.complex64]) -> list[npt.NDArray[np.float32]]:
    """Computes the masks (frames, F, C), one a source, of a whole spectrum (frames, F, C)."""
    masks = network.predict(magnitude_views(spectrum, network.spec)[None], verbose=0)
    return [np.asarray(masks[f"{source}_mask"][0]) for source in network.spec.sources]


def compare(
    expected: list[npt.NDArray[np.float32]],
    found: list[npt.NDArray[np.float32]],
    precision: str,
    weight: npt.NDArray[np.float32] | None = None,
) -> Agreement:
    """Compares the outputs of a file with Keras's, one array a source.

    Args:
        expected: masks or stems of Keras.
        found: those of the file.
        precision: of the file; it selects the gate in `export.accuracy.gates`.
        weight: magnitude that the masks multiply, for their SNR; None for stems.

    Raises:
        VerificationError: `found` misses the gate, or is not finite.
    """
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
