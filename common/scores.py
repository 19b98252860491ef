"""SNR and SDR in dB, and the frames in which a voice is active; NumPy alone.

Shapes: waveform (samples, channels); references and estimates (sources, samples, channels).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
ACTIVE_RANGE_DB = 40.0


def snr_db(expected: Array, found: Array) -> float:
    """Returns the SNR of `found` in dB: the energy of `expected` relative to that of the difference.

    The arrays have the same shape, any. NaN if `found` contains a NaN, −∞ if it contains an infinity.
    """
    signal = np.sum(np.square(expected, dtype=np.float64))
    noise = np.sum(np.square(np.subtract(expected, found, dtype=np.float64)))
    return float(10 * np.log10((signal + 1e-20) / (noise + 1e-20)))


def active_frames(vocals: Array, sample_rate: int) -> npt.NDArray[np.bool_]:
    """Finds the voice-active 1 s frames of a vocals reference (samples, channels).

    A frame is active if its RMS is within `ACTIVE_RANGE_DB` of the loudest frame's, and above −120 dB. Without this
    choice, a song whose reference is nearly but not exactly silent for long would be scored by its noise: BSS Eval
    compares noise with noise there, and such frames decide the standard median.

    Returns:
        Booleans (seconds,); a last, incomplete second is left out.
    """
    level = frame_rms_db(vocals, sample_rate)
    return (level > level.max(initial=-np.inf) - ACTIVE_RANGE_DB) & (level > -120)


def frame_rms_db(waveform: Array, sample_rate: int) -> npt.NDArray[np.float64]:
    """Computes the RMS of each whole 1 s frame over all channels, in dB relative to full scale: (…, seconds)."""
    power = np.mean(np.square(_seconds(waveform, sample_rate), dtype=np.float64), axis=(-2, -1))
    return 10 * np.log10(power + 1e-20)


def sdr_frames(references: Array, estimates: Array, sample_rate: int) -> npt.NDArray[np.float64]:
    """Computes the SDR of BSS Eval v4 on 1 s frames.

    In v4 the distortions of the source's image, of the other sources and of everything else add up to
    estimate − reference, whatever the distortion filters are. So the filters need not be computed: the values are
    museval's (tests/common/test_scores.py) in a thousandth of its time.

    Args:
        references: waveforms (sources, samples, channels).
        estimates: of the same shape.
        sample_rate: Hz.

    Returns:
        dB (sources, seconds); NaN for all sources in a second in which any reference or estimate is silent.

    Source: Stöter, Liutkus and Ito (2018), section 2; Vincent et al. (2012) for images.
    """
    r, e = (_seconds(x, sample_rate).astype(np.float64) for x in (references, estimates))
    # museval calls a signal silent if its channels add up to zero.
    silent = np.any(np.all(r.sum(axis=-1) == 0, axis=-1) | np.all(e.sum(axis=-1) == 0, axis=-1), axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sdr = 10 * np.log10(np.sum(r**2, axis=(-2, -1)) / np.sum((e - r) ** 2, axis=(-2, -1)))
    sdr[:, silent] = np.nan
    return sdr


def median_sdr(references: Array, estimates: Array, sample_rate: int, active: npt.NDArray[np.bool_]) -> list[float]:
    """Returns the median SDR of each source in dB, over the `active` seconds (seconds,) that have a value, or NaN."""
    frames = sdr_frames(references, estimates, sample_rate)[:, active]
    return [float(np.median(row[~np.isnan(row)])) if np.any(~np.isnan(row)) else float("nan") for row in frames]


def _seconds(x: Array, sample_rate: int) -> Array:
    """Splits (…, samples, C) into whole seconds (…, seconds, sample_rate, C)."""
    count = x.shape[-2] // sample_rate
    return x[..., : count * sample_rate, :].reshape(*x.shape[:-2], count, sample_rate, x.shape[-1])
