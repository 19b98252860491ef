"""The oracles: ideal ratio masks and the ideal binary mask, a bound of what magnitude masks reach with our STFT.

They are not methods: the masks are computed from the references. Conventions: waveform (samples, channels); spectrum
(frames, bins, channels); channels are masked separately.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from keras_sep.signal import OverlapAdd, StreamingStft
from keras_sep.spec import StreamSpec
from training.evaluation.scored_mixture import SOURCES, ScoredMixture, Stems

EXPONENTS = {"irm1": 1, "irm2": 2}
KINDS = (*EXPONENTS, "ibm")
_BLOCK_FRAMES = 512  # 6 s at the defaults; in blocks, the spectra of a long song take no more memory


def ideal_mask(scored: ScoredMixture, kind: str) -> Stems:
    """Separates the mixture by an ideal mask, with frames of 2048 samples and steps of 512.

    With the references' magnitudes V and A, the vocals' mask is V / (V + A) for "irm1", V² / (V² + A²) for "irm2",
    and 1 where V > A, else 0, for "ibm": a tie goes to the accompaniment. Where both references are zero, a ratio mask
    is 1/2. The accompaniment's mask is 1 minus the vocals' mask.

    Args:
        scored: the song; a condition may have changed its mixture.
        kind: "irm1", "irm2" or "ibm".

    Returns:
        Waveforms (samples, channels) by source, float32, aligned to the mixture; they add up to it.

    Raises:
        ValueError: `kind` is unknown.

    Source: A. Liutkus, F.-R. Stöter, github.com/sigsep/sigsep-mus-oracle, `IRM` and `IBM`, with two sources
    instead of four. Their binary mask compares a source with half of the mixture, so that a bin may go to both sources
    or to none. Ours compares the sources with each other, so that each bin goes to exactly one.
    """
    if kind not in KINDS:
        raise ValueError(f"ideal_mask: kind must be one of {', '.join(KINDS)}. Received: kind={kind!r}")
    mixture = scored.mixture
    num_samples, num_channels = mixture.shape
    spec = StreamSpec(sample_rate=scored.sample_rate, num_channels=num_channels)
    stfts = [StreamingStft(spec) for _ in range(3)]
    overlap_add = OverlapAdd(spec)
    late, block = spec.stem_delay, _BLOCK_FRAMES * spec.frame_step
    # A stem is delayed by the overlap: zeros after the song push its end out.
    total = num_samples + late + (-(num_samples + late) % spec.frame_step)
    vocals = np.zeros((total, num_channels), np.float32)
    for start in range(0, total, block):
        stop = min(start + block, total)
        spectrum, voice, accompaniment = (
            stft.push(_padded(waveform, start, stop))
            for stft, waveform in zip(stfts, (mixture, *(scored.references[s] for s in SOURCES)), strict=True)
        )
        vocals[start:stop] = overlap_add.push(vocals_mask(np.abs(voice), np.abs(accompaniment), kind) * spectrum)
    aligned = vocals[late : late + num_samples]
    return {"vocals": aligned, "accompaniment": mixture - aligned}


def vocals_mask(
    vocals: npt.NDArray[np.float32], accompaniment: npt.NDArray[np.float32], kind: str
) -> npt.NDArray[np.float32]:
    """Computes the ideal mask of the vocals, in [0, 1], from the magnitudes of both references, of one shape."""
    if kind == "ibm":
        return (vocals > accompaniment).astype(np.float32)
    # Divided by the larger one: squares of small magnitudes would underflow in float32.
    largest = np.maximum(vocals, accompaniment)
    largest = np.where(largest > 0, largest, 1)
    v, a = ((magnitude / largest) ** EXPONENTS[kind] for magnitude in (vocals, accompaniment))
    both = v + a
    return np.divide(v, both, out=np.full_like(both, 0.5), where=both > 0)


def _padded(waveform: npt.NDArray[np.float32], start: int, stop: int) -> npt.NDArray[np.float32]:
    """Returns samples start … stop − 1, with zeros after the end of the waveform."""
    part = waveform[start:stop]
    return np.pad(part, ((0, stop - start - len(part)), (0, 0)))
