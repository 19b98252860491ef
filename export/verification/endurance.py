"""`python -m export endure`: hours of music through a file, to see that the last hour is as good as the first.

The same music is repeated. In every round, a passage of every song is compared with the true stems, and with the output
of a fresh stream that began `WARM_UP` seconds before the passage. These references never change, so a figure that falls
is drift. The SNR to the fresh stream may fall for some minutes: a recurrent network can remember longer than the
warm-up. It must stay the same separation (`MIN_SNR_DB`), as good a one (`MAX_LOSS_DB`), and in the last hour as good as
in the first (`MAX_DRIFT_DB`); neither a state nor memory may grow.
Half way the stream gets input that must not harm it: a second of NaN, a step that is not finite, and a silence.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from common import example_song
from common.files import require_folder, sha256_of, write_text
from common.markdown import decibels, table
from common.memory import resident_mb
from common.scores import snr_db
from export.data.songs import read_stems, song_folders
from keras_sep.presets import DEFAULT_PRESET, get_preset
from keras_sep.separator import StreamingSeparator
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
WARM_UP, COMPARED = 30.0, 10.0  # seconds
ROW, MOST_ROWS = 600.0, 24  # seconds of audio that a row of the table covers, or more if there were too many rows
HOUR = 3600.0  # seconds at the beginning and the end whose SDR is compared; half of the stream where that is shorter
SILENCE = 10.0  # seconds
MIN_ROUNDS = 3
# Beyond these limits a stream has failed.
MIN_SNR_DB = 10.0  # of the stems, against the fresh stream
MAX_LOSS_DB = 1.0  # of SDR, against the fresh stream
MAX_DRIFT_DB = 0.1  # of SDR, from the first hour to the last one
MAX_MORE_MB = 16.0  # of memory, from the first row to the last one
MAX_GROWTH = 2.0  # of a state, looked at once a second: by chance its largest varies
MAX_SILENCE = 1e-6  # −120 dB full scale


_RECORD = """# Endurance

Written by `python -m export endure FILE… --write docs/results/endurance.md`, which replaces the sections of these
files. The example song is repeated (with `--data`, test songs). In each round, passages of 10 s are compared with a
fresh stream that began 30 s before them, and with the true stems. A row covers the time since the row before: lowest
SNR; lowest SDR, voice / accompaniment, one ratio over the passages, which does not compare with the scores of songs;
largest state; median and longest step; memory of the process. Half way the stream gets a second of NaN, a step that
is not finite, and a silence.
"""


class EnduranceError(ValueError):
    """A stream whose output drifted, was not finite or was not silent, or whose states grew."""


@dataclass(frozen=True)
class Passage:
    """A passage of the music whose stems are compared.

    Attributes:
        steps: its steps, counted from the beginning of a round.
        truth: true stems (sources, samples, C) of the samples that come out during these steps.
    """

    steps: range
    truth: Array


@dataclass
class Row:
    """The figures of one row of the table: of the rounds since the row before.

    Attributes:
        snr_db: against the fresh stream, of the worst source in the worst round.
        sdr_db: against the true stems, of each source in its worst round.
        largest: absolute value of each state.
        finite: whether all stems were.
        times_ms: of each step, until the row is closed.
        memory_mb: after each round.
        steps: how many there were, once the row is closed; so are the next two.
        median_ms: of the times.
        worst_ms: the largest of them.
    """

    snr_db: float = math.inf
    sdr_db: npt.NDArray[np.floating] | float = math.inf
    largest: dict[str, float] = field(default_factory=dict)
    finite: bool = True
    times_ms: list[float] = field(default_factory=list)
    memory_mb: list[float] = field(default_factory=list)
    steps: int = 0
    median_ms: float = math.nan
    worst_ms: float = math.nan

    def close(self) -> None:
        """Keeps three figures of the times: those of a day would be the memory that grows."""
        self.steps, self.median_ms, self.worst_ms = (
            len(self.times_ms),
            statistics.median(self.times_ms),
            max(self.times_ms),
        )
        self.times_ms = []


def endure(paths: list[Path], hours: float, data: Path | None = None, record: Path | None = None) -> None:
    """Streams hours of music through each file and prints a table; goes on to the next file after a failure.

    Args:
        paths: .tflite files and folders of them; none for the files of the default preset.
        hours: hours of audio, > 0; at least three rounds of the music are streamed.
        data: folder with `test/songs/<song>/{vocals,accompaniment}.*`; None for the example song.
        record: document for the tables; those of other files in it stay.

    Raises:
        ValueError: `hours` is out of range, or `record` is another document or has no folder.
        EnduranceError: the stems drifted, were not finite or not silent, or a state or memory grew.
    """
    if not 0 < hours < math.inf:
        raise ValueError(f"--hours: expected a number more than 0. Received: {hours:g}")
    if record is not None:
        require_folder(record)
        _sections(record)
    failures = []
    for path in _files(paths):
        result = stream(path, hours, data)
        tqdm.write(f"\n{result.text()}")
        if result.problems:
            failures.append(f"{path.name}: {', '.join(result.problems)}")
        if record is not None:
            _record(record, result)
    if failures:
        raise EnduranceError("; ".join(failures))


def _record(document: Path, result: Endured) -> None:
    """Writes the section of a file into the document, in the order of names."""
    sections = _sections(document) | {result.name: result.text()}
    write_text(document, _RECORD + "".join(f"\n{sections[name]}\n" for name in sorted(sections)))


def _sections(document: Path) -> dict[str, str]:
    """Returns the sections of the document by the names of their files; none if it is not there."""
    if not document.exists():
        return {}
    head, *sections = document.read_text(encoding="utf-8").split("\n## ")
    if not head.startswith(_RECORD.splitlines()[0]):
        raise ValueError(f"{document}: expected a document of `export endure`. Received: another one")
    return {text.split("\n", 1)[0]: f"## {text.rstrip()}" for text in sections}


@dataclass
class Endured:
    """The stream of one file: what it was, its table, and what is wrong."""

    name: str
    sha256: str
    rounds: int
    round_s: float
    step_s: float
    fresh_sdr_db: Array
    rows: list[Row]
    first_sdr_db: Array  # mean of the rounds of the first hour, and of the last one
    last_sdr_db: Array
    repaired: int
    recoveries: int
    silence: float
    problems: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Returns a section of a document."""
        heads = ["hours", "SNR to a fresh stream", "SDR of the stems", "largest state", "step p50", "worst", "MB"]
        lines = [["fresh", "", _sdr_text(self.fresh_sdr_db), "", "", "", ""]]
        steps = 0
        for row in self.rows:
            steps += row.steps
            lines.append(_cells(steps * self.step_s / 3600, row))
        return (
            f"## {self.name}\n\nSHA-256 {self.sha256[:12]}…, {self.rounds} rounds of {self.round_s:.0f} s of music.\n\n"
            f"{table(heads, lines)}\n\n"
            f"SDR of the first hour {_sdr_text(self.first_sdr_db)} dB, of the last {_sdr_text(self.last_sdr_db)} dB. "
            f"Half way {self.repaired} NaN samples repaired, {self.recoveries} steps undone; in silence a peak of "
            f"{self.silence:g}. {'FAILED: ' + ', '.join(self.problems) if self.problems else 'Passed.'}"
        )


def stream(path: Path, hours: float, data: Path | None = None) -> Endured:
    """Streams one file; arguments and errors as of `endure`."""
    # The reference has a separator to itself, so that the long stream goes on undisturbed.
    separator, fresh = StreamingSeparator(model=path, repair=True), StreamingSeparator(model=path)
    spec = separator.spec
    blocks, passages = _programme(data, spec)
    truth = np.concatenate([passage.truth for passage in passages], axis=1)
    reference = np.concatenate([_from_fresh(fresh, blocks, passage.steps) for passage in passages], axis=1)
    step_s = spec.frame_step / spec.sample_rate
    round_s = len(blocks) * step_s
    rounds = max(MIN_ROUNDS, math.ceil(hours * 3600 / round_s))
    row_s = max(ROW, rounds * round_s / MOST_ROWS)
    rows, row, silence = [], Row(), math.nan
    sdr_db: list[Array] = []  # of each round
    undone = 0
    with tqdm(total=round(rounds * round_s), unit="s", desc=path.name, disable=None) as progress:
        for index in range(1, rounds + 1):
            stems = _round(separator, blocks, [passage.steps for passage in passages], row, progress)
            row.snr_db = min(row.snr_db, float(np.min(_ratio_db(reference, stems))))
            sdr_db.append(_ratio_db(truth, stems))
            row.sdr_db = np.minimum(row.sdr_db, sdr_db[-1])
            del stems
            if (memory := resident_mb()) is not None:
                row.memory_mb.append(memory)
            if index == rounds // 2:
                silence, undone = _ordeal(separator, row)
            if len(row.times_ms) * step_s >= row_s or index == rounds:
                row.close()
                rows.append(row)
                row = Row()
    compared = max(1, min(round(HOUR / round_s), rounds // 2))
    result = Endured(
        path.name,
        sha256_of(path),
        rounds,
        round_s,
        step_s,
        _ratio_db(truth, reference),
        rows,
        np.mean(sdr_db[:compared], axis=0),
        np.mean(sdr_db[-compared:], axis=0),
        separator.repaired_samples,
        separator.recoveries,
        silence,
    )
    result.problems = _problems(result, undone)
    return result


def _round(
    separator: StreamingSeparator, blocks: Array, wanted: list[range], row: Row, progress: tqdm | None = None
) -> Array:
    """Pushes every block and notes figures in `row`; returns the stems (sources, samples, C) of the wanted steps."""
    a_second = separator.spec.sample_rate // separator.spec.frame_step
    kept: list[Array] = []
    for t, block in enumerate(blocks):
        start = time.perf_counter()
        pushed = separator.push(block)
        row.times_ms.append(1000 * (time.perf_counter() - start))
        row.finite &= all(bool(np.isfinite(stem).all()) for stem in pushed.values())
        if any(t in steps for steps in wanted):
            kept.append(np.stack(list(pushed.values())))
        if t % a_second == 0:
            _note_states(separator, row)
            if progress is not None:
                progress.update(1)
    return np.concatenate(kept, axis=1)


def _ordeal(separator: StreamingSeparator, row: Row) -> tuple[float, int]:
    """Pushes NaN through the stream, makes a step that is not finite, and pushes a silence.

    Returns:
        The peak of the output in silence, after its first second, and how many steps were undone.
    """
    spec, before = separator.spec, separator.recoveries
    # Whole steps, so that the frames of the next round begin at the same samples of the music.
    second = np.zeros((spec.sample_rate // spec.frame_step * spec.frame_step, spec.num_channels), np.float32)
    stems = list(separator.push(second + np.float32(np.nan)).values())
    shape = (spec.num_bins, spec.num_views) if separator.step.graph == "mask" else (spec.frame_step, spec.num_channels)
    separator.step(np.full(shape, np.nan, np.float32))
    undone = separator.recoveries - before
    stems += separator.push(second).values()
    peak = 0.0
    for _ in range(round(SILENCE)):
        silent = list(separator.push(second).values())
        peak = max(peak, *(float(np.max(np.abs(stem))) for stem in silent))
        stems += silent
    row.finite &= all(bool(np.isfinite(stem).all()) for stem in stems)
    _note_states(separator, row)
    return peak, undone


def _note_states(separator: StreamingSeparator, row: Row) -> None:
    for name, state in separator.step.states().items():
        row.largest[name] = max(row.largest.get(name, 0.0), float(np.max(np.abs(state))))


def _from_fresh(separator: StreamingSeparator, blocks: Array, wanted: range) -> Array:
    separator.reset()
    warm_up = int(WARM_UP * separator.spec.sample_rate / separator.spec.frame_step)
    heard = blocks[wanted[0] - warm_up : wanted[-1] + 1]
    return _round(separator, heard, [range(warm_up, len(heard))], Row())


def _ratio_db(expected: Array, found: Array) -> Array:
    """Computes a ratio in dB for each source: an SNR between two streams, an SDR against the true stems."""
    return np.array([snr_db(e, f) for e, f in zip(expected, found, strict=True)])


def _cells(hours: float, row: Row) -> list[str]:
    return [
        f"{hours:.2f}",
        f"{decibels(row.snr_db, 1)} dB",
        _sdr_text(row.sdr_db),
        f"{_network_state(row):.4f}",
        f"{row.median_ms:.3f} ms",
        f"{row.worst_ms:.2f} ms",
        f"{statistics.median(row.memory_mb):.1f}" if row.memory_mb else "–",
    ]


def _sdr_text(sdr_db: Array | float) -> str:
    return " / ".join(decibels(value) for value in np.atleast_1d(sdr_db))


def _network_state(row: Row) -> float:
    """Returns the largest value of the network's states; the other states hold samples of the mixture and the stems."""
    return max(value for name, value in row.largest.items() if name.removeprefix("state_").isdigit())


def _problems(result: Endured, undone: int) -> list[str]:
    rows, problems = result.rows, []
    if not all(row.finite for row in rows):
        problems.append("stems are not finite")
    if recoveries := result.recoveries - undone:
        problems.append(f"expected a network that is finite on music. Received: {recoveries} steps undone")
    if not (lowest := min(row.snr_db for row in rows)) >= MIN_SNR_DB:
        problems.append(f"expected an SNR to a fresh stream of at least {MIN_SNR_DB:g} dB. Received: {lowest:.1f} dB")
    lowest_sdr_db = np.min(np.stack([np.asarray(row.sdr_db) for row in rows]), axis=0)
    if not np.all(lowest_sdr_db >= result.fresh_sdr_db - MAX_LOSS_DB):
        problems.append(
            f"expected an SDR at most {MAX_LOSS_DB:g} dB below a fresh stream's {_sdr_text(result.fresh_sdr_db)} dB. "
            f"Received: {_sdr_text(lowest_sdr_db)} dB"
        )
    if not np.all(np.abs(result.last_sdr_db - result.first_sdr_db) <= MAX_DRIFT_DB):
        problems.append(
            f"expected an SDR of the last hour within {MAX_DRIFT_DB:g} dB of the first one's "
            f"{_sdr_text(result.first_sdr_db)} dB. Received: {_sdr_text(result.last_sdr_db)} dB"
        )
    for name, value in rows[0].largest.items():
        largest = max(row.largest[name] for row in rows)
        if not largest <= MAX_GROWTH * value:
            problems.append(f"expected a {name} that stays within {MAX_GROWTH * value:.4g}. Received: {largest:.4g}")
    # Without the first round: what a round needs besides the stream is there from the second one on.
    noted = [row.memory_mb for row in rows]
    noted[0] = noted[0][1:] or noted[min(1, len(rows) - 1)]
    first, last = (statistics.median(memory) if memory else math.nan for memory in (noted[0], noted[-1]))
    if last > first + MAX_MORE_MB:
        problems.append(f"expected memory that stays within {first + MAX_MORE_MB:.0f} MB. Received: {last:.0f} MB")
    if not result.silence <= MAX_SILENCE:
        problems.append(f"expected silence from silence. Received: a peak of {result.silence:g}")
    return problems


def _programme(data: Path | None, spec: StreamSpec) -> tuple[Array, list[Passage]]:
    """Returns all mixtures one after the other (steps, frame_step, C), and the passages to compare."""
    step_s, late = spec.frame_step / spec.sample_rate, spec.algorithmic_latency // spec.frame_step
    songs = [_in_steps(stems, spec) for stems in _songs(data, spec)]
    if short := [index for index, song in enumerate(songs) if not song.shape[1]]:
        raise ValueError(f"expected songs of a second or more. Received: song {short[0] + 1}, shorter than that")
    while sum(song.shape[1] for song in songs) * step_s < 2 * (WARM_UP + COMPARED):
        songs += songs
    passages, first = [], 0
    for song in songs:
        start = song.shape[1] // 2  # from the middle, because intros are quiet
        stop = start + min(start, round(COMPARED / step_s))
        if (first + start) * step_s >= WARM_UP:
            truth = song[:, start - late : stop - late].reshape(len(song), -1, spec.num_channels)
            passages.append(Passage(range(first + start, first + stop), truth.copy()))
        first += song.shape[1]
    return np.concatenate([song.sum(axis=0) for song in songs]), passages


def _in_steps(stems: Array, spec: StreamSpec) -> Array:
    """Splits stems (sources, samples, C) into steps (sources, steps, frame_step, C), the last one padded with zeros."""
    padded = np.pad(stems, ((0, 0), (0, -stems.shape[1] % spec.frame_step), (0, 0)))
    return padded.reshape(len(stems), -1, spec.frame_step, spec.num_channels)


def _songs(data: Path | None, spec: StreamSpec) -> Iterator[Array]:
    """Yields the stems (sources, samples, C) of each song; the mixture is their sum."""
    folders = [example_song.FOLDER] if data is None else song_folders(data)
    if not folders:
        raise ValueError(f"{data}: expected test/songs/<song>/{{{','.join(spec.sources)}}}.*. Received: none")
    for folder in folders:
        yield read_stems(folder, spec)


def _files(paths: list[Path]) -> list[Path]:
    if not paths:
        return [file.path() for file in get_preset(DEFAULT_PRESET).files]
    files = [f for path in paths for f in (sorted(path.glob("*.tflite")) if path.is_dir() else [path])]
    if not files:
        raise ValueError(f"expected .tflite files. Received: none in {', '.join(map(str, paths))}")
    return files
