"""A few seconds of every song and row as FLAC files of 16 bits, which the report plays and shows."""

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

LISTEN_S = 10  # length of the excerpt with the most voice, the same one for every row
OPEN = r"(cc[ -]?0|cc[ -]by|creative commons (zero|attribution)|public domain)\b|mit( licen[cs]e)?( \(|$)"
CLOSED = r"\bnd|no.?deriv"
CLIP_S = 5  # length of the excerpts around the best and the worst second of a row


def playable(licence: str) -> bool:
    """Whether a licence, as its data set states it, lets us pass on an excerpt and stems separated from it.

    Creative Commons does, except with ND, no derivatives, because a separated voice is one; so do public domain and
    MIT. Any other text, or none, counts as no. Of several licences, separated by ";", each must allow it.
    """
    parts = [part.strip().lower() for part in licence.split(";")]
    return all(re.match(OPEN, part) and not re.search(CLOSED, part) for part in parts)


def write_reference_excerpts(folder: Path, references: Stems, sample_rate: int) -> None:
    """Writes listen_{vocals,accompaniment,mixture}.flac of the true stems, for the seconds with the most voice."""
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
    """Writes the excerpts of one row of a song: the seconds with the most voice, and the best and the worst second.

    Args:
        folder: created if needed.
        references: true stems (samples, channels).
        estimates: stems of the row, of the same shape.
        sdr: SDR of the voice in each 1 s frame, in dB.
        active: True for each frame with an active voice.
        sample_rate: Hz.
        offset_s: start of the waveforms in the song, which is added to the times returned.

    Returns:
        By "listen", "best" and "worst": {"start", "seconds"} in the song, in s; for the last two also the frame's
        "second" and "sdr". Best and worst are frames with an active voice; they are missing if none has a score.
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
    """Returns one gain for all signals of an excerpt, so that nothing clips and the rows stay comparable."""
    mixture = references["vocals"][part] + references["accompaniment"][part]
    peak = max(float(np.abs(x).max(initial=0.0)) for x in (mixture, *(references[s][part] for s in SOURCES)))
    return 1 / max(1.0, peak)


def _write(folder: Path, prefix: str, signals: dict[str, Waveform], gain: float, sample_rate: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, signal in signals.items():
        write_audio(folder / f"{prefix}_{name}.flac", np.clip(signal * gain, -1, 1), sample_rate, "PCM_16")


def write_audio(path: Path, waveform: Waveform, sample_rate: int, subtype: str) -> None:
    """Writes an audio file, whole or not at all, in the format of its suffix; raises OSError if that fails."""
    with written_beside(path) as part:
        try:
            soundfile.write(part, waveform, sample_rate, format=path.suffix[1:].upper(), subtype=subtype)
        except soundfile.LibsndfileError as error:
            raise OSError(f"{path}: cannot be written: {error}") from error
