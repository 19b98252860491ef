"""What cannot be scored, and what can be scored but does not mean what it seems to.

Conventions: waveform (samples, channels), full scale ±1. An error is one line that names the song, the value
and what was expected.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.evaluation.scene import SOURCES, Scene, Stems, Waveform

TOP = 0.45  # of the sample rate: above it every converter and many coders cut, and nothing is remarkable about it
MIN_EDGE_HZ = 4000.0  # below, instruments and filters of synthesizers fall as fast
MIN_CLIFF_DB = 20.0
MIN_DEPTH_DB = 70.0
MAX_RANGE_DB = 110.0
_BAND_HZ = 250.0
_FRAME_S = 0.09


def require_scene(scene: Scene) -> None:
    """Raises ValueError unless mixture and references are finite, of one shape, and no reference is silent."""
    expected = scene.mixture.shape
    _require_finite(scene.song, "the mixture", scene.mixture)
    for source in SOURCES:
        reference = scene.references[source]
        _require_shape(scene.song, f"the {source} reference", reference, expected)
        _require_finite(scene.song, f"the {source} reference", reference)
        _require_heard(scene.song, f"the {source} reference", reference)


def require_fit(scene: Scene, estimates: Stems) -> None:
    """Raises ValueError unless there is an estimate of every source that BSS Eval can compare with the references.

    Args:
        scene: what was separated.
        estimates: by source, each (samples, channels) as the references.
    """
    missing = [source for source in SOURCES if source not in estimates]
    if missing:
        raise ValueError(f"{scene.song}: expected estimates of {', '.join(SOURCES)}. Missing: {', '.join(missing)}")
    for source in SOURCES:
        name, estimate = f"the {source} estimate", estimates[source]
        _require_shape(scene.song, name, estimate, scene.references[source].shape)
        _require_finite(scene.song, name, estimate)
        _require_heard(scene.song, name, estimate)


def warnings_of(scene: Scene) -> list[str]:
    """One line for each reference with which SIR and SAR do not mean what they seem to.

    BSS Eval explains an estimate by filtered references. Where a reference's spectrum lies too far below its
    peak, the equations for those filters are singular to double precision, and what they yield is arbitrary.
    Measured on 10 s of a song from Ogg Vorbis: with its references as decoded, whose spectra span 133 and
    123 dB, the voice's SIR was −18.8 dB; with the same ones rounded to 16 bit 2.4, with noise at −100 dB 2.4,
    at −90 dB 2.6, at −120 dB (109 and 117 dB) −2.3. SDR was the same to 0.01 dB throughout.

    So it is the depth of the emptiness that decides, not where it starts: noise that falls smoothly by 24 dB an
    octave to 142 dB below its peak is as bad, at 106 dB it is 0.6 dB off, and an MP3 rounded to 16 bit is sound
    to half a decibel, by its rounding noise. Of 30 stems those that a coder left as floats span 115 dB and more,
    those rounded to 16 bit, coded or not, 103 dB at most.
    """
    lines = []
    for source in SOURCES:
        waveform = scene.references[source]
        levels = band_levels_db(waveform, scene.sample_rate)
        edge = _edge_hz(levels, scene.sample_rate)
        span = float(levels.max() - levels.min()) if len(levels) else 0.0
        if span > MAX_RANGE_DB:
            why = f"nothing above {edge / 1000:.1f} kHz (MP3-coded?)" if edge else f"its spectrum spans {span:.0f} dB"
            lines.append(f"{source}: {why}: SIR and SAR have no meaning, SDR stays sound")
        elif edge:
            lines.append(
                f"{source}: little but noise above {edge / 1000:.1f} kHz (MP3-coded?): "
                "SIR and SAR lean on that noise, SDR stays sound"
            )
    return lines


def band_limit_hz(waveform: Waveform, sample_rate: int) -> float | None:
    """Where the long-term spectrum falls off a cliff into emptiness, Hz; None if it does not below 0.45 · sample rate.

    A cliff is a fall of 20 dB or more within 500 Hz, after which nothing comes up again to Nyquist; emptiness
    is 70 dB or more below the spectrum's loudest band. It does not depend on level.

    Measured on 30 stems: coded at 128 kbit/s all 30 are found as floats and 28 rounded to 16 bit, at 15.75 to
    16.75 kHz or where the stem itself ended before; the other two are as quiet up there as rounding. Resampled
    from 22.05 kHz: all 30. Of 156 recordings and synthetic sounds, most of 16 bit, in Debian's packages alsa-utils
    and sonic-pi-samples 7 are found: six electronic sounds and a recording that ends at 5 kHz.
    """
    return _edge_hz(band_levels_db(waveform, sample_rate), sample_rate)


def band_levels_db(waveform: Waveform, sample_rate: int) -> npt.NDArray[np.float64]:
    """Long-term mean power of bands of 250 Hz from 0 to Nyquist, dB; empty if shorter than a frame or silent."""
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


def _edge_hz(levels: npt.NDArray[np.float64], sample_rate: int) -> float | None:
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


def _require_heard(song: str, name: str, waveform: Waveform) -> None:
    if not waveform.sum(axis=1).any():  # museval's own rule
        what = "channels that cancel" if waveform.any() else f"{len(waveform)} samples, all zero"
        raise ValueError(f"{song}: {name}: expected sound. Received: {what}")
