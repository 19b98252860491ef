"""The scores of separated songs: BSS Eval through museval, in both protocols of the field, and SI-SDR.

Conventions: waveform (samples, channels); sources in the order of `scored_mixture.SOURCES`; a window in which a
reference or an estimate is silent has no value (NaN).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.scores import active_frames

Waveform = npt.NDArray[np.floating]
Values = npt.NDArray[np.float64]

METRICS = ("SDR", "ISR", "SIR", "SAR")


@dataclass(frozen=True)
class Protocol:
    """A protocol of BSS Eval: museval's `mode`, with windows of `window_s` seconds every `hop_s` seconds."""

    mode: str
    window_s: int
    hop_s: int

    def windows(self, samples: int, sample_rate: int) -> list[slice]:
        """Returns museval's windows: those that fit whole, or the whole song if it is shorter than a window."""
        window, hop = self.window_s * sample_rate, self.hop_s * sample_rate
        count = (samples - window + hop) // hop if window < samples else 1
        return [slice(t * hop, min(t * hop + window, samples)) for t in range(count)]


PROTOCOLS = {
    "v4": Protocol("v4", 1, 1),  # SiSEC 2018: one distortion filter for a song
    "v3": Protocol("v3", 30, 15),  # DSD100, SiSEC 2016: images, one distortion filter for a window
}


def bss_eval(
    references: list[Waveform] | Waveform,
    estimates: list[Waveform] | Waveform,
    sample_rate: int,
    protocol: str = "v4",
) -> dict[str, Values]:
    """Computes BSS Eval by museval, for every window.

    Args:
        references, estimates: (sources, samples, channels).
        sample_rate: Hz.
        protocol: one of PROTOCOLS.

    Returns:
        "SDR", "ISR", "SIR" and "SAR" in dB, each (sources, windows).

    Source: Vincent et al. (2006, 2012); Stöter, Liutkus and Ito (2018) for v4.
    """
    import museval

    # museval looks for this module, which NumPy 2.4 has no longer, where its equations have no solution, and where it
    # is interrupted while it solves them.
    if not hasattr(np.linalg, "linalg"):
        np.linalg.linalg = np.linalg  # type: ignore[attr-defined]

    chosen = PROTOCOLS[protocol]
    values = museval.evaluate(
        np.asarray(references, np.float64),
        np.asarray(estimates, np.float64),
        win=chosen.window_s * sample_rate,
        hop=chosen.hop_s * sample_rate,
        mode=chosen.mode,
    )
    return dict(zip(METRICS, values, strict=True))


def bss_eval_window(references: Waveform, estimates: Waveform, sample_rate: int) -> dict[str, Values]:
    """Computes one window of BSS Eval v3; each window has a separate filter, so that windows can be scored in parallel.

    Args:
        references, estimates: (sources, samples, channels) of the window.
        sample_rate: Hz.

    Returns:
        "SDR", "ISR", "SIR" and "SAR" in dB, each (sources, 1); NaN if a reference or an estimate is silent.
    """
    # museval skips the silent windows of a song, but refuses to score a single silent window.
    if any((np.sum(source, axis=1) == 0).all() for source in (*references, *estimates)):
        return {metric: np.full((len(references), 1), np.nan) for metric in METRICS}
    return bss_eval(references, estimates, sample_rate, "v3")


def silent_frames(waveform: Waveform, sample_rate: int) -> npt.NDArray[np.bool_]:
    """Finds the whole 1 s frames that museval calls silent: those whose channels add up to zero throughout."""
    frames = len(waveform) // sample_rate
    return (np.sum(waveform[: frames * sample_rate], axis=1) == 0).reshape(frames, sample_rate).all(axis=1)


def most_active_excerpt(vocals: Waveform, sample_rate: int, seconds: int) -> slice:
    """Finds the `seconds` with the most voice-active frames; returns their samples, or all of a shorter song."""
    active = active_frames(vocals, sample_rate)
    if len(active) <= seconds:
        return slice(0, len(vocals))
    counts = np.convolve(active, np.ones(seconds), mode="valid")
    start = int(np.argmax(counts))
    return slice(start * sample_rate, (start + seconds) * sample_rate)


def si_sdr(reference: Waveform, estimate: Waveform) -> float:
    """Computes the scale-invariant SDR of a whole signal in dB (Le Roux et al., ICASSP 2019); NaN if one is silent."""
    if not (np.any(reference) and np.any(estimate)):
        return float("nan")
    r, e = np.ravel(reference).astype(np.float64), np.ravel(estimate).astype(np.float64)
    target = r * (np.dot(e, r) / (np.dot(r, r) + 1e-20))
    return float(10 * np.log10((np.sum(target**2) + 1e-20) / (np.sum((target - e) ** 2) + 1e-20)))
