"""The method REPET-SIM, a separator without training, for comparison: sound that repeats is the accompaniment.

Source: Z. Rafii, B. Pardo, Music/Voice Separation Using the Similarity Matrix (ISMIR 2012), with librosa, as in its
gallery's example "Vocal separation". Conventions: waveform (samples, channels); spectrum (frames, bins).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse

from keras_sep.signal import OverlapAdd, StreamingStft
from keras_sep.spec import StreamSpec
from training.evaluation.scored_mixture import ScoredMixture, Stems, Waveform

FRAME_S = 0.093  # 4096 samples at 44100 Hz, as the example's 2048 at 22050 Hz; the frame step is a quarter of it
NEIGHBOURS = 25
MIN_DISTANCE_S = 2.0
HIGH_PASS_HZ = 100.0
MARGIN = 2.0
POWER = 2.0
_BLOCK_FRAMES = 512


def repet_sim(scored: ScoredMixture) -> Stems:
    """Separates the mixture: each frame's accompaniment is the median of the frames most like it.

    Similarity is the cosine between magnitude spectra of the channels' mean; each channel has a separate mask.

    - 25 similar frames count; the authors use 100, librosa 2 √frames. The median takes most of the time: 51 frames took
      three times as long and gained 0 to 0.4 dB of SDR on five songs of our training and validation data.
    - Frames are 93 ms long, every 23 ms, as in librosa's example. Steps of 11.6 ms would mean four times as many
      similarities.
    - The vocals' margin is 2, the best of 1, 2, 5 and 10 on those songs; the example's 10 aims at clean vocals. There
      is only one margin, because the accompaniment is the rest of the mixture.
    - Similar frames are at least 2 s away, in a song of less than 8 s a quarter of its length: otherwise some frames
      would have none. A song too short to repeat also gives stems that add up to it, but they mean little.
    - Up to 100 Hz everything is accompaniment, as in the authors' program.

    Returns:
        Waveforms (samples, channels) by source, float32, aligned to the mixture; they add up to it.
    """
    mixture = scored.mixture
    frame_length = 2 ** round(np.log2(FRAME_S * scored.sample_rate))
    spec = StreamSpec(
        sample_rate=scored.sample_rate,
        num_channels=1,
        frame_length=frame_length,
        frame_step=frame_length // 4,
        fft_length=frame_length,
    )
    mean = mixture.mean(axis=1, keepdims=True)
    distance = round(MIN_DISTANCE_S * scored.sample_rate / spec.frame_step)
    neighbours = similar_frames(np.abs(_spectrum(mean, spec)), distance)
    vocals = np.empty_like(mixture)
    for channel in range(mixture.shape[1]):  # one at a time, because the spectra of a song are large
        spectrum = _spectrum(mixture[:, channel : channel + 1], spec)
        _keep_vocals(spectrum, neighbours, spec)
        vocals[:, channel] = _waveform(spectrum, spec, len(mixture))
    return {"vocals": vocals, "accompaniment": mixture - vocals}


def similar_frames(magnitude: npt.NDArray[np.float32], distance: int) -> scipy.sparse.csc_matrix:
    """Finds the frames most like each frame.

    It replaces `librosa.segment.recurrence_matrix`: librosa 0.11 does not sort the candidates by similarity before it
    reduces them to k, and takes a minute and gigabytes for a song.

    Args:
        magnitude: (frames, bins), ≥ 0.
        distance: least distance of a similar frame, in frames.

    Returns:
        Booleans (frames, frames), sparse; column t marks the frames that are like frame t.
    """
    num_frames = len(magnitude)
    distance = max(1, min(distance, num_frames // 4))
    count = min(NEIGHBOURS, num_frames - 2 * distance + 1)  # as many as a frame in the middle has
    unit = magnitude / np.maximum(np.linalg.norm(magnitude, axis=1, keepdims=True), 1e-12)
    frames = np.arange(num_frames)
    similar = []
    for start in range(0, num_frames, _BLOCK_FRAMES):
        likeness = unit[start : start + _BLOCK_FRAMES] @ unit.T
        likeness[np.abs(frames[start : start + _BLOCK_FRAMES, None] - frames) < distance] = -1
        similar.append(np.argpartition(likeness, -count, axis=1)[:, -count:].copy())  # a view would keep all columns
    chosen = np.concatenate(similar).ravel()
    starts = np.arange(num_frames + 1) * count
    return scipy.sparse.csc_matrix((np.ones(len(chosen), bool), chosen, starts), shape=(num_frames, num_frames))


def _keep_vocals(spectrum: npt.NDArray[np.complex64], neighbours: scipy.sparse.csc_matrix, spec: StreamSpec) -> None:
    """Removes from a spectrum (frames, bins), in place, everything that repeats or lies below the voice."""
    import librosa

    repeating = librosa.decompose.nn_filter(np.abs(spectrum), rec=neighbours, aggregate=_median, axis=0)
    for start in range(0, len(spectrum), _BLOCK_FRAMES):
        block = spectrum[start : start + _BLOCK_FRAMES]
        magnitude = np.abs(block)
        # The repeating part cannot exceed the mixture.
        model = np.minimum(repeating[start : start + _BLOCK_FRAMES], magnitude)
        block *= librosa.util.softmask(magnitude - model, MARGIN * model, power=POWER)
    spectrum[:, : int(HIGH_PASS_HZ * spec.fft_length / spec.sample_rate) + 1] = 0


def _median(values: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """Computes `np.median` in a third of its time."""
    ordered = np.sort(values, axis=axis)
    count = values.shape[axis]
    return (np.take(ordered, (count - 1) // 2, axis) + np.take(ordered, count // 2, axis)) / 2


def _spectrum(waveform: Waveform, spec: StreamSpec) -> npt.NDArray[np.complex64]:
    """Computes the spectrum (frames, bins) of (samples, 1); zeros after the end push it through the overlap."""
    late, block = spec.stem_delay, _BLOCK_FRAMES * spec.frame_step
    padded = np.pad(waveform, ((0, late + -(len(waveform) + late) % spec.frame_step), (0, 0)))
    stft = StreamingStft(spec)
    return np.concatenate([stft.push(padded[i : i + block])[..., 0] for i in range(0, len(padded), block)])


def _waveform(spectrum: npt.NDArray[np.complex64], spec: StreamSpec, num_samples: int) -> npt.NDArray[np.float32]:
    """Computes the waveform (samples,) of a spectrum (frames, bins), aligned to the input of `_spectrum`."""
    overlap_add, late = OverlapAdd(spec), spec.stem_delay
    blocks = [spectrum[i : i + _BLOCK_FRAMES, :, None] for i in range(0, len(spectrum), _BLOCK_FRAMES)]
    return np.concatenate([overlap_add.push(block)[:, 0] for block in blocks])[late : late + num_samples]
