"""Scores of separated songs: BSS Eval through museval, in both of the field's protocols, and SI-SDR.

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
    """How BSS Eval looks at a song: `window_s` seconds at a time, every `hop_s` seconds."""

    mode: str
    window_s: int
    hop_s: int

    def windows(self, samples: int, sample_rate: int) -> list[slice]:
        """museval's windows: those that fit whole, or the one song where it is shorter than a window."""
        window, hop = self.window_s * sample_rate, self.hop_s * sample_rate
        count = (samples - window + hop) // hop if window < samples else 1
        return [slice(t * hop, min(t * hop + window, samples)) for t in range(count)]


PROTOCOLS = {
    "v4": Protocol("v4", 1, 1),  # SiSEC 2018: one distortion filter a song
    "v3": Protocol("v3", 30, 15),  # DSD100, SiSEC 2016: images, one filter a window
}


def bss_eval(
    references: list[Waveform] | Waveform,
    estimates: list[Waveform] | Waveform,
    sample_rate: int,
    protocol: str = "v4",
) -> dict[str, Values]:
    """BSS Eval by window: {"SDR", "ISR", "SIR", "SAR"}, each (sources, windows), dB.

    Source: Vincent et al. (2006, 2012); Stöter, Liutkus and Ito (2018) for v4; computed by museval.
    """
    import museval

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
    """One window of v3, (sources, 1): its filters are its own, so that windows can be scored apart.

    Args:
        references, estimates: (sources, samples, channels) of the window.
    """
    # museval skips silent windows of a song, and refuses them alone.
    if any((np.sum(source, axis=1) == 0).all() for source in (*references, *estimates)):
        return {metric: np.full((len(references), 1), np.nan) for metric in METRICS}
    return bss_eval(references, estimates, sample_rate, "v3")


def silent_frames(waveform: Waveform, sample_rate: int) -> npt.NDArray[np.bool_]:
    """Whole 1 s frames that museval takes for silent: those whose channels add up to zero throughout."""
    frames = len(waveform) // sample_rate
    return (np.sum(waveform[: frames * sample_rate], axis=1) == 0).reshape(frames, sample_rate).all(axis=1)


def most_active_excerpt(vocals: Waveform, sample_rate: int, seconds: int) -> slice:
    """The `seconds` with the most voice-active frames, in samples; the whole song if it is shorter."""
    active = active_frames(vocals, sample_rate)
    if len(active) <= seconds:
        return slice(0, len(vocals))
    counts = np.convolve(active, np.ones(seconds), mode="valid")
    start = int(np.argmax(counts))
    return slice(start * sample_rate, (start + seconds) * sample_rate)


def si_sdr(reference: Waveform, estimate: Waveform) -> float:
    """Scale-invariant SDR over the whole signal, dB (Le Roux et al., ICASSP 2019); NaN where one of them is silent."""
    if not (np.any(reference) and np.any(estimate)):
        return float("nan")
    r, e = np.ravel(reference).astype(np.float64), np.ravel(estimate).astype(np.float64)
    target = r * (np.dot(e, r) / (np.dot(r, r) + 1e-20))
    return float(10 * np.log10((np.sum(target**2) + 1e-20) / (np.sum((target - e) ** 2) + 1e-20)))
