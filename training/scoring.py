"""BSS Eval v4 of separated songs, through museval, on all frames and on voice-active ones.

Conventions: waveform (samples, channels); sources in the order (vocals, accompaniment); frames of 1 s
without overlap; a frame in which a reference is silent has no value (NaN).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Waveform = npt.NDArray[np.floating]
ACTIVE_RANGE_DB = 40.0


def frame_rms_db(waveform: Waveform, sample_rate: int) -> npt.NDArray[np.float64]:
    """RMS of each whole 1 s frame, dB re full scale."""
    frames = len(waveform) // sample_rate
    x = np.asarray(waveform[: frames * sample_rate], np.float64).reshape(frames, -1)
    return 10 * np.log10(np.mean(x**2, axis=1) + 1e-20)


def active_frames(vocals: Waveform, sample_rate: int) -> npt.NDArray[np.bool_]:
    """Voice-active 1 s frames: RMS of the vocals reference within 40 dB of its loudest frame's.

    Where a reference is nearly but not exactly silent, BSS Eval compares noise with noise, and the
    standard median is decided by it.
    """
    level = frame_rms_db(vocals, sample_rate)
    return (level > level.max() - ACTIVE_RANGE_DB) & (level > -120) if len(level) else np.zeros(0, bool)


def most_active_excerpt(vocals: Waveform, sample_rate: int, seconds: int) -> slice:
    """The `seconds` with the most voice-active frames, in samples; the whole song if it is shorter."""
    active = active_frames(vocals, sample_rate)
    if len(active) <= seconds:
        return slice(0, len(vocals))
    counts = np.convolve(active, np.ones(seconds), mode="valid")
    start = int(np.argmax(counts))
    return slice(start * sample_rate, (start + seconds) * sample_rate)


def bss_eval(
    references: list[Waveform], estimates: list[Waveform], sample_rate: int
) -> dict[str, npt.NDArray[np.float64]]:
    """BSS Eval v4 by frame: {"SDR", "ISR", "SIR", "SAR"}, each (sources, frames), dB."""
    import museval

    values = museval.evaluate(
        np.stack(references).astype(np.float64),
        np.stack(estimates).astype(np.float64),
        win=sample_rate,
        hop=sample_rate,
        mode="v4",
    )
    return dict(zip(("SDR", "ISR", "SIR", "SAR"), values, strict=True))


def si_sdr(reference: Waveform, estimate: Waveform) -> float:
    """Scale-invariant SDR over the whole signal, dB (Le Roux et al., ICASSP 2019)."""
    r, e = np.ravel(reference).astype(np.float64), np.ravel(estimate).astype(np.float64)
    target = r * (np.dot(e, r) / (np.dot(r, r) + 1e-20))
    return float(10 * np.log10((np.sum(target**2) + 1e-20) / (np.sum((target - e) ** 2) + 1e-20)))
