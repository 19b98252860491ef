"""The excerpts in the page: spectrograms of the best and the worst second, and players, all as data: URIs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from common.markdown import decibels
from training.report import spectrogram
from training.report.figures import swatch
from training.report.load import Excerpt, Report, Row
from training.report.text import clock, count, escape

Waveform = npt.NDArray[np.float32]
SPAN = 4.0  # longest spectrogram, in s
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
# A variable bit rate of about 75 kbit/s: 60 excerpts of ten seconds fit into a page that can be mailed.
MP3_COMPRESSION = 0.9
SHOWN_HZ = (500, 2000, 6000)


def read(path: Path) -> tuple[Waveform, int]:
    """Reads an audio file: waveform (samples, channels) and sample rate in Hz; ValueError if it cannot be read."""
    try:
        waveform, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{path}: expected an audio file. Received: {error}") from error
    return waveform, sample_rate


def spectrograms(report: Report) -> str:
    """Draws a card for each method but the unprocessed mixture: its best and its worst second over all songs."""
    cards = []
    for row in report.methods:
        parts = [_spectrogram(row, which) for which in ("best", "worst")] if row.kind != "mixture" else []
        if any(parts):
            cards.append(f'<article class="card"><h3>{swatch(row)}{escape(row.label)}</h3>{"".join(parts)}</article>')
    return f'<div class="cards">{"".join(cards)}</div>' if cards else ""


def _spectrogram(row: Row, which: str) -> str:
    found = [
        (excerpt.sdr, song, excerpt)
        for song, score in row.details.items()
        if (excerpt := score.excerpts.get(which)) is not None
        and excerpt.sdr is not None
        and np.isfinite(excerpt.sdr)
        and row.excerpt_path(song, f"{which}_vocals")
        and row.excerpt_path(song, f"{which}_reference_vocals")
    ]
    if not found:
        return ""
    sdr, song, excerpt = (max if which == "best" else min)(found, key=lambda entry: entry[0])
    second = excerpt.start if excerpt.second is None else excerpt.second
    waves, sample_rate = _waves(row, song, which)
    samples = len(next(iter(waves.values())))
    # The second is in the middle of the picture if the excerpt is longer than the picture.
    start = int(
        np.clip((second - excerpt.start + 0.5 - SPAN / 2) * sample_rate, 0, max(0, samples - SPAN * sample_rate))
    )
    shown = {name: wave[start : start + int(SPAN * sample_rate)] for name, wave in waves.items()}
    seconds = len(next(iter(shown.values()))) / sample_rate
    if not seconds:
        return ""
    levels = {name: spectrogram.level(wave, sample_rate) for name, wave in shown.items()}
    top = max(float(image.max()) for image in levels.values())
    left = 100 * (second - excerpt.start - start / sample_rate) / seconds
    # A mark is pointless if the picture shows little more than the second.
    mark = f'<i class="second" style="left:{left:.1f}%;width:{100 / seconds:.1f}%"></i>' if seconds > 1.5 else ""
    axis = "".join(
        f'<span style="bottom:{100 * spectrogram.height_of(hertz, sample_rate):.1f}%">{hertz / 1000:g}</span>'
        for hertz in SHOWN_HZ
        if hertz < sample_rate / 2
    )
    images: list[str] = []
    for name, image in levels.items():
        words = f"Spectrogram of the {name}, {song}, second from {clock(second)}"
        images.append(
            f'<div class="spec"><div class="frame"><img src="{_data("image/png", spectrogram.png(image, top))}" '
            f'alt="{escape(words)}" width="{spectrogram.WIDTH}" height="{spectrogram.HEIGHT}">{mark}'
            f'<span class="hz" aria-hidden="true">{axis if not images else ""}</span></div>'
            f'<span class="what" aria-hidden="true">{name}</span></div>'
        )
    return (
        f'<figure class="specs"><figcaption><b>{which.capitalize()} second</b> {decibels(sdr, 1)} dB '
        f'<span class="where">{escape(song)}, {clock(second)}</span></figcaption>'
        f'<div class="triple">{"".join(images)}</div></figure>'
    )


def _waves(row: Row, song: str, which: str) -> tuple[dict[str, Waveform], int]:
    """Reads the mixture (the sum of the true stems), the true and the estimated voice, cut to one length."""
    names = {"true voice": f"{which}_reference_vocals", "estimated voice": f"{which}_vocals"}
    paths = {what: row.excerpt_path(song, name) for what, name in names.items()}
    paths["accompaniment"] = row.excerpt_path(song, f"{which}_reference_accompaniment")
    audio = {what: read(path) for what, path in paths.items() if path}
    sample_rate = audio["true voice"][1]
    length = min(len(wave) for wave, _ in audio.values())
    waves = {what: wave[:length] for what, (wave, rate) in audio.items()}
    for what, (_, rate) in audio.items():
        if rate != sample_rate:
            raise ValueError(f"{paths[what]}: expected {sample_rate} Hz as in its references. Received: {rate} Hz")
    if (accompaniment := waves.pop("accompaniment", None)) is not None:
        waves = {"mixture": accompaniment + waves["true voice"], **waves}
    return waves, sample_rate


def players(report: Report, songs: int) -> str:
    """Formats players for the `songs` playable songs with the most voice; "" if there are none."""
    voiced = {name: song.active_seconds or 0 for name, song in report.songs.items()}
    playable = [name for name in report.songs if _listenable(report, name)]
    chosen = sorted(playable, key=lambda name: -voiced[name])[:songs]
    return "".join(_player_grid(report, song) for song in report.songs if song in chosen)


def withheld(report: Report) -> int:
    """Counts the songs with excerpts that must not be passed on."""
    songs = {
        score.song for row in report.methods for score in row.details.values() if score.excerpts and not score.playable
    }
    return len(songs)


def _listenable(report: Report, song: str) -> list[tuple[Row, Excerpt]]:
    """Finds the rows with an excerpt of a song that may be passed on, all of the same seconds."""
    scores = [(row, row.details[song]) for row in report.methods if song in row.details]
    # If one folder says no, the song is left out: whoever publishes the page is responsible.
    if any(not score.playable for _, score in scores):
        return []
    found = [
        (row, score.excerpts["listen"])
        for row, score in scores
        if "listen" in score.excerpts
        and (row.excerpt_path(song, "listen_vocals") or row.excerpt_path(song, "listen_accompaniment"))
    ]
    return [(row, excerpt) for row, excerpt in found if excerpt == found[0][1]]


def _player_grid(report: Report, song: str) -> str:
    rows = _listenable(report, song)
    excerpt = rows[0][1]
    first = rows[0][0]
    licence = first.details[song].licence or report.songs[song].licence
    mixture = first.excerpt_path(song, "listen_mixture", reference=True)
    truth = [first.excerpt_path(song, f"listen_{target}", reference=True) for target in ("vocals", "accompaniment")]
    lines = []
    if mixture:
        lines.append(_player_line("Mixture", song, {"mixture": mixture}))
    if any(truth):
        lines.append(_player_line("True stems", song, dict(zip(("voice", "accompaniment"), truth, strict=True))))
    for row, _ in rows:
        # The unprocessed mixture has a line above already.
        if row.kind != "mixture" or not mixture:
            names = {"voice": "listen_vocals", "accompaniment": "listen_accompaniment"}
            paths = {what: row.excerpt_path(song, name) for what, name in names.items()}
            lines.append(_player_line(row.label, song, paths, swatch(row)))
    return (
        f'<section class="player"><h3>{escape(song)}</h3>'
        f"<p>{count(round(excerpt.seconds), 'second')} from {clock(excerpt.start)}. "
        f"Licence: {escape(licence or 'not stated')}</p>"
        f'<div class="players" data-song="{escape(song)}"><div class="phead" aria-hidden="true"><span></span>'
        f"<span>voice</span><span>accompaniment</span></div>{''.join(lines)}</div></section>"
    )


def _player_line(label: str, song: str, paths: dict[str, Path | None], mark: str = "") -> str:
    cells = []
    for what, path in paths.items():
        if path is None:
            cells.append('<span class="none">–</span>')
            continue
        spoken = f"{song}: {label}, {what}" if what != "mixture" else f"{song}: mixture"
        # Without preloading, a page of 60 players opens at once.
        source = _data("audio/mpeg", mp3(path))
        wide = ' class="both"' if len(paths) == 1 else ""
        cells.append(f'<audio{wide} controls preload="none" aria-label="{escape(spoken)}" src="{source}"></audio>')
    who = f'<span class="who">{mark}{escape(label)}</span>'
    return f'<div class="pline" role="group" aria-label="{escape(label)}">{who}{"".join(cells)}</div>'


def mp3(path: Path) -> bytes:
    """Converts an audio file to an MP3 with one or two channels that every browser plays."""
    waveform, sample_rate = read(path)
    if sample_rate not in MP3_RATES:
        waveform, sample_rate = soxr.resample(waveform, sample_rate, 44100), 44100
    if waveform.shape[1] > 2:
        waveform = waveform.mean(axis=1, keepdims=True)
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        np.clip(waveform, -1, 1),
        sample_rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="VARIABLE",
        compression_level=MP3_COMPRESSION,
    )
    return buffer.getvalue()


def _data(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
