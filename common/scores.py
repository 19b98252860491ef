"""How near two signals are, in dB, and where there is voice, in NumPy alone.

Signals (samples, channels); stems (sources, samples, channels).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
ACTIVE_RANGE_DB = 40.0


def snr_db(expected: Array, found: Array) -> float:
    """Energy of what is expected over that of the difference; NaN where what is found is not finite."""
    signal = np.sum(np.square(expected, dtype=np.float64))
    noise = np.sum(np.square(np.subtract(expected, found, dtype=np.float64)))
    return float(10 * np.log10((signal + 1e-20) / (noise + 1e-20)))


def active_frames(vocals: Array, sample_rate: int) -> npt.NDArray[np.bool_]:
    """Voice-active 1 s frames: RMS of the vocals reference within 40 dB of its loudest frame's, and above −120 dB.

    Where a reference is nearly but not exactly silent, BSS Eval compares noise with noise, and the
    standard median is decided by it.
    """
    level = frame_rms_db(vocals, sample_rate)
    return (level > level.max(initial=-np.inf) - ACTIVE_RANGE_DB) & (level > -120)


def frame_rms_db(waveform: Array, sample_rate: int) -> npt.NDArray[np.float64]:
    """RMS of each whole 1 s frame, dB re full scale."""
    power = np.mean(np.square(_seconds(waveform, sample_rate), dtype=np.float64), axis=(-2, -1))
    return 10 * np.log10(power + 1e-20)


def sdr_frames(references: Array, estimates: Array, sample_rate: int) -> npt.NDArray[np.float64]:
    """SDR of BSS Eval v4 on 1 s frames, (sources, seconds), dB; NaN in a second in which some signal is silent.

    In v4 the distortions towards the source's image, the other sources and everything else add up to
    estimate − reference, whatever the distortion filters are, so that they need not be computed: these are
    museval's values (tests/common/test_scores.py) in a thousandth of its time.

    Source: Stöter, Liutkus and Ito (2018), section 2; Vincent et al. (2012) for images.
    """
    r, e = (_seconds(x, sample_rate).astype(np.float64) for x in (references, estimates))
    # museval calls silent what adds up to zero over the channels.
    silent = np.any(np.all(r.sum(axis=-1) == 0, axis=-1) | np.all(e.sum(axis=-1) == 0, axis=-1), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sdr = 10 * np.log10(np.sum(r**2, axis=(-2, -1)) / np.sum((e - r) ** 2, axis=(-2, -1)))
    sdr[:, silent] = np.nan
    return sdr


def median_sdr(references: Array, estimates: Array, sample_rate: int, active: npt.NDArray[np.bool_]) -> list[float]:
    """Median of each source's SDR over the active seconds that have a value; NaN where none has."""
    frames = sdr_frames(references, estimates, sample_rate)[:, active]
    return [float(np.median(row[~np.isnan(row)])) if np.any(~np.isnan(row)) else float("nan") for row in frames]


def _seconds(x: Array, sample_rate: int) -> Array:
    """(…, samples, C) → (…, seconds, sample_rate, C), whole seconds only."""
    count = x.shape[-2] // sample_rate
    return x[..., : count * sample_rate, :].reshape(*x.shape[:-2], count, sample_rate, x.shape[-1])
