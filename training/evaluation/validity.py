"""The checks that refuse songs and estimates that cannot be scored, and warnings of misleading scores.

Conventions: waveform (samples, channels), full scale ±1. An error is one line that names the song, the value and what
was expected.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.evaluation.scored_mixture import SOURCES, ScoredMixture, Stems, Waveform

FILTER_TAPS = 512  # of museval's filters; with fewer samples SIR and SAR are arbitrary
TOP = 0.45  # share of the sample rate; a cliff above it is usual, for every converter and many coders cut there
MIN_EDGE_HZ = 4000.0  # below it, the spectra of instruments and of synthesizers' filters fall as fast
MIN_CLIFF_DB = 20.0
MIN_DEPTH_DB = 70.0
MAX_RANGE_DB = 110.0
_BAND_HZ = 250.0
_FRAME_S = 0.09


def require_scorable(scored: ScoredMixture) -> None:
    """Raises ValueError unless mixture and references are finite, long enough, of one shape, and none is silent."""
    expected = scored.mixture.shape
    if len(scored.mixture) < FILTER_TAPS:
        raise ValueError(
            f"{scored.song}: expected at least {FILTER_TAPS} samples, the length of BSS Eval's filters. "
            f"Received: {len(scored.mixture)}"
        )
    _require_finite(scored.song, "the mixture", scored.mixture)
    for source in SOURCES:
        reference = scored.references[source]
        _require_shape(scored.song, f"the {source} reference", reference, expected)
        _require_finite(scored.song, f"the {source} reference", reference)
        _require_sound(scored.song, f"the {source} reference", reference)


def require_fit(scored: ScoredMixture, estimates: Stems) -> None:
    """Raises ValueError unless every source has an estimate that BSS Eval can compare with its reference.

    Args:
        scored: the song that was separated.
        estimates: by source, each (samples, channels) as the references.
    """
    missing = [source for source in SOURCES if source not in estimates]
    if missing:
        raise ValueError(f"{scored.song}: expected estimates of {', '.join(SOURCES)}. Missing: {', '.join(missing)}")
    for source in SOURCES:
        name, estimate = f"the {source} estimate", estimates[source]
        _require_shape(scored.song, name, estimate, scored.references[source].shape)
        _require_finite(scored.song, name, estimate)
        _require_sound(scored.song, name, estimate)


def warnings_of(scored: ScoredMixture) -> list[str]:
    """Returns one line for each reference whose spectrum makes SIR and SAR arbitrary, or dependent on rounding noise.

    BSS Eval explains an estimate by filtered references. If the bands of a reference's spectrum span more than
    MAX_RANGE_DB, the equations for these filters are singular in double precision, and SIR and SAR are arbitrary,
    whatever the frequency of the empty bands. SDR is not affected.

    An example: on 10 s of a song from Ogg Vorbis, the SIR of the voice is −18.8 dB with references as decoded, which
    span 133 and 123 dB, and 2.4 dB with the same references rounded to 16 bits. Of 30 stems, those decoded to floats
    span 115 dB and more, and those rounded to 16 bits, coded or not, 103 dB at most.
    """
    lines = []
    for source in SOURCES:
        waveform = scored.references[source]
        levels = band_levels_db(waveform, scored.sample_rate)
        edge = edge_hz(levels, scored.sample_rate)
        span = float(levels.max() - levels.min()) if len(levels) else 0.0
        if span > MAX_RANGE_DB:
            why = f"nothing above {edge / 1000:.1f} kHz (MP3-coded?)" if edge else f"its spectrum spans {span:.0f} dB"
            lines.append(f"{source}: {why}: SIR and SAR have no meaning, SDR is not affected")
        elif edge:
            lines.append(
                f"{source}: little but noise above {edge / 1000:.1f} kHz (MP3-coded?): "
                "SIR and SAR depend on that noise, SDR is not affected"
            )
    return lines


def band_levels_db(waveform: Waveform, sample_rate: int) -> npt.NDArray[np.float64]:
    """Computes the long-term mean power in dB of bands of 250 Hz from 0 to Nyquist; empty if too short or silent."""
    length = 2 ** round(np.log2(_FRAME_S * sample_rate))
    window = np.hanning(length + 1)[:-1]
    num_frames = len(waveform) // length
    power = np.zeros(length // 2 + 1)
    for frame in np.split(waveform[: num_frames * length], max(num_frames, 1)):
        if len(frame):
            power += (np.abs(np.fft.rfft(frame.T.astype(np.float64) * window)) ** 2).mean(axis=0)
    if not power.any():
        return np.zeros(0)
    edges = np.arange(0, sample_rate / 2, _BAND_HZ) * length / sample_rate
    bands = np.add.reduceat(power, edges.astype(int)) / np.diff([*edges.astype(int), len(power)])
    return 10 * np.log10(np.maximum(bands, bands.max() * 1e-30))


def edge_hz(levels: npt.NDArray[np.float64], sample_rate: int) -> float | None:
    """Finds the frequency in Hz above which a recording is empty, as after a coder's low-pass.

    There the long-term spectrum falls by 20 dB or more within 500 Hz, and everything up to Nyquist is 70 dB or more
    below the loudest band. The overall loudness does not matter.

    Args:
        levels: result of `band_levels_db`.
        sample_rate: Hz.

    Returns:
        None if there is no such place between 4 kHz and 0.45 · sample rate.
    """
    if not len(levels):
        return None
    loudest_from = np.maximum.accumulate(levels[::-1])[::-1]
    edges = np.arange(int(MIN_EDGE_HZ / _BAND_HZ), len(levels) - 2)
    edges = edges[edges * _BAND_HZ < TOP * sample_rate]
    below, above = np.maximum(levels[edges - 1], levels[edges - 2]), loudest_from[edges + 2]
    cliffs = np.where(levels.max() - above >= MIN_DEPTH_DB, below - above, 0.0)
    if not len(cliffs) or cliffs.max() < MIN_CLIFF_DB:
        return None
    return float(edges[np.argmax(cliffs)] * _BAND_HZ)


def _require_shape(song: str, name: str, waveform: Waveform, expected: tuple[int, ...]) -> None:
    if waveform.ndim != 2 or waveform.shape != expected:
        raise ValueError(f"{song}: {name}: expected (samples, channels) = {expected}. Received: {waveform.shape}")


def _require_finite(song: str, name: str, waveform: Waveform) -> None:
    finite = np.isfinite(waveform)
    if not finite.all():
        index = np.argwhere(~finite)[0]
        raise ValueError(
            f"{song}: {name}: expected finite samples. Received: {waveform[tuple(index)]} at sample {index[0]}"
        )


def _require_sound(song: str, name: str, waveform: Waveform) -> None:
    if not waveform.sum(axis=1).any():  # museval's rule
        what = "channels that cancel" if waveform.any() else f"{len(waveform)} samples, all zero"
        raise ValueError(f"{song}: {name}: expected sound. Received: {what}")
