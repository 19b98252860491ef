"""Writes a few seconds of every song and row, for the report to play and to show: FLAC, 16 bit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from common.files import written_beside
from training.evaluation.metrics import Values, most_active_excerpt
from training.evaluation.scored_mixture import SOURCES, Stems, Waveform

LISTEN_S = 10  # the seconds of a song with the most voice, the same ones for every row
OPEN = r"(cc[ -]?0|cc[ -]by|creative commons (zero|attribution)|public domain)\b|mit( licen[cs]e)?( \(|$)"
CLOSED = r"\bnd|no.?deriv"
CLIP_S = 5  # around the best and the worst second of a row


def playable(licence: str) -> bool:
    """Whether a licence, as its data set states it, lets us pass on an excerpt and what was made of it.

    Creative Commons does, except where it forbids changes (ND: a separated voice is one), and so do public domain and
    MIT. Whatever else is said, or nothing, counts as no; of several licences, ";" between them, each has to allow it.
    """
    parts = [part.strip().lower() for part in licence.split(";")]
    return all(re.match(OPEN, part) and not re.search(CLOSED, part) for part in parts)


def write_reference_excerpts(folder: Path, references: Stems, sample_rate: int) -> None:
    """listen_{vocals,accompaniment,mixture}.flac of the true stems."""
    part = most_active_excerpt(references["vocals"], sample_rate, LISTEN_S)
    cut = {source: references[source][part] for source in SOURCES}
    cut["mixture"] = sum(cut.values(), start=np.zeros(1, np.float32))
    _write(folder, "listen", cut, _gain(references, part), sample_rate)


def write_excerpts(
    folder: Path,
    references: Stems,
    estimates: Stems,
    sdr: Values,
    active: npt.NDArray[np.bool_],
    sample_rate: int,
    offset_s: float,
) -> dict[str, Any]:
    """Excerpts of one row of a song.

    Args:
        sdr: of the voice in each 1 s frame.
        active: which of the frames have voice.
        offset_s: where the waveforms start in the song, for the record.

    Returns:
        By "listen", "best" and "worst": {"start", "seconds"} in the song, s, and for the last two the frame's "second"
        and "sdr". Best and worst are frames with voice; they are missing where none has a score.
    """
    part = most_active_excerpt(references["vocals"], sample_rate, LISTEN_S)
    _write(folder, "listen", {s: estimates[s][part] for s in SOURCES}, _gain(references, part), sample_rate)
    about = {"listen": _place(part, sample_rate, offset_s)}
    count = min(len(sdr), len(active))
    known = np.where(active[:count] & np.isfinite(sdr[:count]), sdr[:count], np.nan)
    if np.isnan(known).all():
        return about
    for name, second in (("best", int(np.nanargmax(known))), ("worst", int(np.nanargmin(known)))):
        seconds = len(references["vocals"]) / sample_rate
        start = round(max(0.0, min(second + 0.5 - CLIP_S / 2, seconds - CLIP_S)) * sample_rate)
        part = slice(start, start + CLIP_S * sample_rate)
        cut = {s: estimates[s][part] for s in SOURCES} | {f"reference_{s}": references[s][part] for s in SOURCES}
        _write(folder, name, cut, _gain(references, part), sample_rate)
        place = _place(slice(start, start + len(cut["vocals"])), sample_rate, offset_s)
        about[name] = place | {"second": round(offset_s + second, 3), "sdr": round(float(known[second]), 2)}
    return about


def _place(part: slice, sample_rate: int, offset_s: float) -> dict[str, float]:
    return {
        "start": round(offset_s + part.start / sample_rate, 3),
        "seconds": round((part.stop - part.start) / sample_rate, 3),
    }


def _gain(references: Stems, part: slice) -> float:
    """One gain for all signals of an excerpt, so that its mixture does not clip and rows stay comparable."""
    mixture = references["vocals"][part] + references["accompaniment"][part]
    peak = max(float(np.abs(x).max(initial=0.0)) for x in (mixture, *(references[s][part] for s in SOURCES)))
    return 1 / max(1.0, peak)


def _write(folder: Path, prefix: str, signals: dict[str, Waveform], gain: float, sample_rate: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, signal in signals.items():
        write_audio(folder / f"{prefix}_{name}.flac", np.clip(signal * gain, -1, 1), sample_rate, "PCM_16")


def write_audio(path: Path, waveform: Waveform, sample_rate: int, subtype: str) -> None:
    """Writes a file whole or not at all, in the format of its suffix; raises OSError where that fails."""
    with written_beside(path) as part:
        try:
            soundfile.write(part, waveform, sample_rate, format=path.suffix[1:].upper(), subtype=subtype)
        except soundfile.LibsndfileError as error:
            raise OSError(f"{path}: cannot be written: {error}") from error
