"""The scoring of songs by every method, into a result folder.

While they are scored, the estimates of a song and its references are in one file, so that processes share them. Songs
and rows that a result folder already has are not scored again.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import platform
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from common.files import written_beside
from common.programs import require_ffmpeg
from keras_sep import __version__
from training.data.stems import Song
from training.evaluation import validity
from training.evaluation.conditions import CONDITIONS, LABELS
from training.evaluation.listening_excerpts import playable, write_audio, write_excerpts, write_reference_excerpts
from training.evaluation.methods import Method
from training.evaluation.metrics import (
    METRICS,
    PROTOCOLS,
    Values,
    active_frames,
    most_active_excerpt,
    si_sdr,
    silent_frames,
)
from training.evaluation.results import FORMAT, ResultFolder, read_json
from training.evaluation.scored_mixture import SOURCES, ScoredMixture, Stems
from training.evaluation.scoring_processes import processes, score_window
from training.evaluation.summary import summarise

# Packages whose version may change a score.
TOOLS = ["museval", "musdb", "numpy", "scipy", "librosa", "soundfile", "soxr", "ai-edge-litert", "keras"]
TOOLS += ["tensorflow", "jax"]
# Files of a result folder, by their paths in it; or the reason why there are none.
Scores = tuple[dict[str, bytes], str | None]
# Errors of one song or one method; an error of the machine (OSError) ends the evaluation.
FAILURES = (ValueError, RuntimeError, ArithmeticError, LookupError)


def evaluate(
    songs: list[Song],
    methods: Sequence[Method],
    out: Path,
    sample_rate: int,
    *,
    conditions: Sequence[str] = (),
    protocols: Sequence[str] = tuple(PROTOCOLS),
    excerpt: int | None = None,
    jobs: int = 2,
    dataset: str = "folder",
    split: str = "test",
    save_estimates: bool = False,
    overwrite: bool = False,
    elsewhere: Elsewhere | None = None,
) -> dict[str, Any]:
    """Scores songs by every method into a result folder (see `results`), and returns its summary.

    A song that fails is not an error: it is named in the summary.

    Args:
        songs: songs of `training.data.datasets.load_split`.
        methods: one row each.
        out: result folder; its scores of the same songs and weights are kept.
        sample_rate: of the songs, Hz.
        conditions: some of CONDITIONS; each adds a row for every method of kind "model".
        protocols: some of PROTOCOLS, with "v4" among them.
        excerpt: length in s, ≥ 1, of the excerpt of each song with the most voice, which alone is scored; None scores
            whole songs.
        jobs: number of scoring processes; 0 scores in this one.
        dataset, split: names that are recorded in the result folder.
        save_estimates: writes the stems, as float wav.
        overwrite: replaces scores of other weights or versions; otherwise they are an error.
        elsewhere: function that scores pairs of a song and a row on other machines, see
            `training.cluster.scoring_tasks`; None scores here.

    Raises:
        ValueError: ffmpeg is missing, an argument is out of range, there are no songs, another process writes to
            `out`, or it holds scores of other songs, weights or versions.
    """
    require_ffmpeg("scores")
    import museval  # noqa: F401  # a missing package is reported now, not after an hour of separation

    require_counts(excerpt, jobs)
    require_known("--protocols", protocols, PROTOCOLS)
    require_known("--robustness", conditions, CONDITIONS)
    if "v4" not in protocols:
        raise ValueError(f"--protocols: expected v4 among them. Received: {','.join(protocols)}")
    if not songs:
        raise ValueError("expected songs with stems to score. Received: none")
    if save_estimates and excerpt:
        raise ValueError("--save-estimates: expected whole songs. Received: --excerpt as well")
    require_names("songs", [song.name for song in songs])
    run = _Evaluation(ResultFolder(out), sample_rate, tuple(protocols), excerpt, save_estimates)
    rows = [Row(method) for method in methods]
    rows += [Row(method, name) for method in methods if method.kind == "model" for name in conditions]
    require_names("rows", [row.name for row in rows])
    with run.results.work_folder() as work:
        run.require_same_songs(songs)
        run.forget_others(rows, songs, overwrite)
        todo = [(song, {row: names for row in rows if (names := run.missing(row, song))}) for song in songs]
        run.write_rows(rows)
        if any(wanted for _, wanted in todo):
            (out / "summary.json").unlink(missing_ok=True)  # it is out of date until all scores are there
            run.write_data(songs, dataset, split)
            if elsewhere:
                run.score_elsewhere(todo, elsewhere)
            else:
                run.score(todo, work, jobs)
            run.write_data(songs, dataset, split)
    return summarise(run.results)


def score_pair(pair: Pair, method: Method, sample_rate: int, excerpt: int | None, save_estimates: bool) -> Scores:
    """Scores one song by one method in this process; returns the files that a result folder has of it."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        run = _Evaluation(ResultFolder(out), sample_rate, tuple(PROTOCOLS), excerpt, save_estimates)
        row = Row(method, pair.condition)
        run.write_rows([row])
        with run.results.work_folder() as work:
            run.score([(pair.song, {row: pair.protocols})], work, jobs=0)
        failed = read_json(run.results.row_file(row.name), "failed")["failed"]
        if failed:
            return {}, failed[0]["error"]
        files = (path for path in out.rglob("*") if path.is_file() and path.parent != out / "rows")
        return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}, None


def require_counts(excerpt: int | None, jobs: int) -> None:
    for name, value, least in (("--excerpt", 1 if excerpt is None else excerpt, 1), ("--jobs", jobs, 0)):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}. Received: {value}")


def require_known(option: str, names: Sequence[str], known: Any) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{option}: expected some of {', '.join(known)}. Received: {name or 'nothing'}")


def require_names(what: str, names: Sequence[str]) -> None:
    """Raises ValueError unless the names differ and can be names of files."""
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"expected {what} of different names. Received: {name} more than once")
        if "/" in name or name.startswith(".") or not 0 < len(name.encode()) <= 200:
            raise ValueError(f"expected {what} whose names can be file names of up to 200 bytes. Received: {name!r}")


@dataclass(frozen=True, eq=False)
class Row:
    """A method under a condition."""

    method: Method
    condition: str = ""

    @property
    def name(self) -> str:
        return f"{self.method.row}_{self.condition}" if self.condition else self.method.row

    @property
    def label(self) -> str:
        return f"{self.method.label}, {LABELS[self.condition]}" if self.condition else self.method.label

    def key(self, song: Song, sample_rate: int, excerpt: int | None) -> str:
        """Returns a digest of everything that the scores depend on, such as weights, audio and museval's version."""
        about = [FORMAT, version("museval"), sample_rate, excerpt, self.condition, dict(self.method.about)]
        about += [self.method.about_song(song.name), *(stem.sha256 for stem in (song.vocals, song.accompaniment))]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Pair:
    """A song to be scored by a row: its method's name, its condition, and the protocols that are missing."""

    song: Song
    method: str
    condition: str
    protocols: tuple[str, ...]


# Yields the number of each pair and its scores, as they end.
Elsewhere = Callable[[Sequence[Pair]], Iterator[tuple[int, Scores]]]


@dataclass(frozen=True)
class _Evaluation:
    """The settings of one call of `evaluate`, with its steps."""

    results: ResultFolder
    sample_rate: int
    protocols: tuple[str, ...]
    excerpt: int | None
    save_estimates: bool

    def require_same_songs(self, songs: list[Song]) -> None:
        path = self.results.path / "data.json"
        if not path.exists():
            return
        before = read_json(path, "songs", "excerpt")
        known = {song["name"]: song["sha256"] for song in before["songs"]}
        if known != {song.name: _hashes(song) for song in songs} or before["excerpt"] != self.excerpt:
            raise ValueError(f"{self.results.path}: holds scores of other songs or excerpts; expected another --out")

    def forget_others(self, rows: Sequence[Row], songs: list[Song], overwrite: bool) -> None:
        """Deletes rows of the same names, under any condition, that have scores of other weights or versions.

        Raises:
            ValueError: there are such rows, but `overwrite` is not set.
        """
        stale = {
            row.method.row
            for row in rows
            for song in songs
            if (before := self.results.song(row.name, song.name))
            and before["key"] != row.key(song, self.sample_rate, self.excerpt)
        }
        if stale and not overwrite:
            raise ValueError(
                f"{self.results.path}: its row {sorted(stale)[0]} was scored with other weights or versions. "
                "Expected another --out or --name, or --overwrite"
            )
        for row in self.results.rows():
            if row["method"] in stale:
                self.results.delete_row(row["row"])

    def missing(self, row: Row, song: Song) -> tuple[str, ...]:
        """Returns the protocols by which the row has yet to be scored on the song."""
        stems = [self.results.estimates(row.name, song.name) / f"{source}.wav" for source in SOURCES]
        if self.results.song(row.name, song.name) is None or (
            self.save_estimates and not all(path.exists() for path in stems)
        ):
            return self.protocols
        files = {name: self.results.museval_file(name, row.name, song.name) for name in self.protocols}
        return tuple(name for name, path in files.items() if not path.exists())

    def write_rows(self, rows: Sequence[Row]) -> None:
        order = len(self.results.rows())
        for index, row in enumerate(rows):
            path, method = self.results.row_file(row.name), row.method
            before = read_json(path, "order", "failed") if path.exists() else {"order": order + index, "failed": []}
            about: dict[str, Any] = {"row": row.name, "label": row.label, "kind": method.kind}
            about |= {
                "condition": row.condition,
                "method": method.row,
                "online": method.online,
                "about": dict(method.about),
            }
            self.results.write(path, before | about)

    def fail(self, row: Row, song: Song, error: BaseException | None) -> None:
        """Records and prints why a song failed for this row, and deletes its partial results.

        Without an error, clears an earlier failure.
        """
        about = read_json(self.results.row_file(row.name), "failed")
        about["failed"] = [failed for failed in about["failed"] if failed["song"] != song.name]
        if error is not None:
            text = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
            about["failed"].append({"song": song.name, "error": text})
            tqdm.write(f"failed: {row.label}: {song.name}: {text}", file=sys.stderr)
            self.results.delete_song(row.name, song.name)
        self.results.write(self.results.row_file(row.name), about)

    def write_data(self, songs: list[Song], dataset: str, split: str) -> None:
        facts = []
        for song in songs:
            files = (self.results.song(row["row"], song.name) for row in self.results.rows() if not row["condition"])
            scored: dict[str, Any] = next(filter(None, files), {})
            facts.append(
                {
                    "name": song.name,
                    "sha256": _hashes(song),
                    "seconds": scored.get("seconds", round(len(song.vocals.audio) / self.sample_rate, 3)),
                    "active_seconds": sum(scored.get("active", ())),
                    "sample_rate": self.sample_rate,
                    "licence": _licence(song),
                    "warnings": scored.get("warnings", []),
                }
            )
        about = {"dataset": dataset, "split": split, "excerpt": self.excerpt, "songs": facts}
        date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
        self.results.write(self.results.path / "data.json", {"tools": tool_versions(), "date": date, **about})

    def score(self, todo: list[tuple[Song, dict[Row, tuple[str, ...]]]], work: Path, jobs: int) -> None:
        total = sum(self._cost(song, name) for song, rows in todo for names in rows.values() for name in names)
        waiting: deque[_Unit] = deque()
        with (
            tqdm(total=round(total), unit="s", desc="score", disable=None) as bar,
            processes(jobs) as pool,
        ):
            try:
                for song, rows in todo:
                    for unit in self._separated(song, rows, work, pool, bar) if rows else ():
                        waiting.append(unit)
                        if len(waiting) > jobs:  # the waiting units take space on the disk
                            self._finish(waiting.popleft())
                while waiting:
                    self._finish(waiting.popleft())
            except (BrokenProcessPool, MemoryError) as error:
                raise ValueError(
                    "a scoring process was killed, most likely for lack of memory; try fewer --jobs"
                ) from error

    def score_elsewhere(self, todo: list[tuple[Song, dict[Row, tuple[str, ...]]]], elsewhere: Elsewhere) -> None:
        """Scores as `score` does, by whoever else separates and scores; the folder holds the same files."""
        pairs = [(song, row, protocols) for song, rows in todo for row, protocols in rows.items()]
        # v4 finds the excerpts, and elsewhere there are no scores of an earlier call.
        asked = [
            Pair(song, row.method.row, row.condition, tuple(dict.fromkeys(("v4", *protocols))))
            for song, row, protocols in pairs
        ]
        with tqdm(total=len(pairs), desc="score", disable=None) as bar:
            for index, (files, problem) in elsewhere(asked):
                song, row, _ = pairs[index]
                if problem is not None:
                    self.fail(row, song, ValueError(problem))
                else:
                    last = self.results.song_file(row.name, song.name).relative_to(self.results.path).as_posix()
                    for name in sorted(files, key=lambda name: name == last):
                        path = self.results.path / name
                        path.parent.mkdir(parents=True, exist_ok=True)
                        with written_beside(path) as part:
                            part.write_bytes(files[name])
                    self._say_scored(row, song)
                bar.update()

    def _say_scored(self, row: Row, song: Song) -> None:
        """Clears an earlier failure, and prints the song's scores."""
        self.fail(row, song, None)
        frames = self.results.frames("v4", row.name, song.name)
        sdr = [values[np.isfinite(values)] for source in SOURCES if frames for values in [frames[source]["SDR"]]]
        text = " / ".join(f"{np.median(values):.2f}" if len(values) else "–" for values in sdr)
        tqdm.write(f"{row.label}: {song.name}: median SDR V / A {text} dB", file=sys.stderr)

    def _cost(self, song: Song, protocol: str) -> float:
        """Returns the length of all windows in s, for the progress bar."""
        samples = len(song.vocals.audio)
        samples = min(samples, (self.excerpt or samples) * self.sample_rate)
        windows = PROTOCOLS[protocol].windows(samples, self.sample_rate)
        return sum(part.stop - part.start for part in windows) / self.sample_rate

    def _separated(
        self, song: Song, rows: dict[Row, tuple[str, ...]], work: Path, pool: Executor, bar: tqdm
    ) -> Iterator[_Unit]:
        """Separates the song by each row, and yields each as a unit that is being scored."""
        try:
            original = ScoredMixture.of_song(song, self.sample_rate)
            validity.require_scorable(original)
        except FAILURES as error:
            for row in rows:
                self.fail(row, song, error)
            return
        warnings = validity.warnings_of(original)
        # Activity is that of the whole, unchanged song, whatever part or condition is scored.
        active = active_frames(original.references["vocals"], self.sample_rate)
        part = slice(0, len(original.mixture))
        if self.excerpt:
            part = most_active_excerpt(original.references["vocals"], self.sample_rate, self.excerpt)
            active = active[part.start // self.sample_rate : part.stop // self.sample_rate]
        write_reference_excerpts(
            self.results.excerpts("reference", song.name),
            {source: original.references[source][part] for source in SOURCES},
            self.sample_rate,
        )
        for number, (row, protocols) in enumerate(rows.items()):
            bar.set_postfix_str(f"{row.name}, {song.name}")
            try:
                # The whole song is separated, whatever part is scored: a network's state depends on what came before.
                altered = CONDITIONS[row.condition](original) if row.condition else original
                stems = row.method.separate(altered)
                validity.require_fit(altered, stems)
            except FAILURES as error:
                self.fail(row, song, error)
                continue
            signals = [stems_of[source][part] for stems_of in (altered.references, stems) for source in SOURCES]
            path = work / f"{song.name}.{number}.npy"
            np.save(path, np.stack(signals).astype(np.float32, copy=False))
            unit = _Unit(row, song, path, part, active, warnings, {})
            for name in protocols:
                unit.submit(name, pool, self.sample_rate, bar)
            yield unit

    def _finish(self, unit: _Unit) -> None:
        """Waits for the scores of a unit and writes them, or the error."""
        try:
            self._write_scores(unit)
        except BrokenProcessPool:
            raise
        except FAILURES as error:
            self.fail(unit.row, unit.song, error)
        unit.path.unlink()

    def _write_scores(self, unit: _Unit) -> None:
        row, song, results = unit.row, unit.song, self.results
        scores = {name: unit.values(name) for name in unit.scores}
        signals = np.load(unit.path, mmap_mode="r")
        references = dict(zip(SOURCES, signals[:2], strict=True))
        estimates = dict(zip(SOURCES, signals[2:], strict=True))
        for name, values in scores.items():
            results.write_frames(name, row.name, song.name, values)
        frames, excerpts = results.frames("v4", row.name, song.name), {}
        if not row.condition and frames is not None:
            excerpts = write_excerpts(
                results.excerpts(row.name, song.name),
                references,
                estimates,
                frames["vocals"]["SDR"],
                unit.active,
                self.sample_rate,
                unit.part.start / self.sample_rate,
            )
        if self.save_estimates:
            _write_estimates(results.estimates(row.name, song.name), estimates, self.sample_rate)
        about = {
            "row": row.name,
            "song": song.name,
            "key": row.key(song, self.sample_rate, self.excerpt),
            "seconds": round(signals.shape[1] / self.sample_rate, 3),
            "sample_rate": self.sample_rate,
            "licence": _licence(song),
            "playable": all(playable(stem.licence) for stem in (song.vocals, song.accompaniment)),
            "si_sdr": _si_sdr(references, estimates, unit.active, self.sample_rate),
            "active": unit.active.tolist(),
            "muted": _muted(references, estimates, self.sample_rate).tolist(),
            "warnings": unit.warnings,
            "excerpts": excerpts,
        }
        results.write(results.song_file(row.name, song.name), about)
        self._say_scored(row, song)


@dataclass
class _Unit:
    """One song separated by one row, with its signals on the disk and its pending scores."""

    row: Row
    song: Song
    path: Path
    part: slice
    active: np.ndarray
    warnings: list[str]
    scores: dict[str, list[Future[dict[str, Values]]]]

    def submit(self, protocol: str, pool: Executor, sample_rate: int, bar: tqdm) -> None:
        samples = self.part.stop - self.part.start
        windows = PROTOCOLS[protocol].windows(samples, sample_rate)
        # In v4 all frames share one filter; the windows of v3 are independent, and long.
        parts = [slice(0, samples)] if protocol == "v4" else windows
        total = sum(window.stop - window.start for window in windows) / sample_rate
        self.scores[protocol] = []
        for part in parts:
            future = pool.submit(score_window, self.path, protocol, part, sample_rate)
            future.add_done_callback(lambda _: bar.update(total / len(parts)))
            self.scores[protocol].append(future)

    def values(self, protocol: str) -> dict[str, Values]:
        """Waits for the scores; returns them (sources, windows) by metric."""
        parts = [future.result() for future in self.scores[protocol]]
        return {metric: np.concatenate([part[metric] for part in parts], axis=1) for metric in METRICS}


def _si_sdr(references: Stems, estimates: Stems, active: np.ndarray, sample_rate: int) -> dict[str, dict[str, Any]]:
    """Computes SI-SDR of the whole song and of its voice-active seconds, joined; None where it is not defined."""

    def of(part: np.ndarray | slice) -> dict[str, float | None]:
        if not len(references["vocals"][part]):
            return dict.fromkeys(SOURCES)
        values = {source: si_sdr(references[source][part], estimates[source][part]) for source in SOURCES}
        return {source: round(value, 5) if np.isfinite(value) else None for source, value in values.items()}

    return {"all": of(slice(None)), "active": of(np.flatnonzero(np.repeat(active, sample_rate)))}


def _muted(references: Stems, estimates: Stems, sample_rate: int) -> np.ndarray:
    """Finds the 1 s frames that have no value only because an estimate is silent, which BSS Eval does not penalise."""
    silent = {source: silent_frames(references[source], sample_rate) for source in SOURCES}
    muted = {source: silent_frames(estimates[source], sample_rate) for source in SOURCES}
    return (muted["vocals"] | muted["accompaniment"]) & ~silent["vocals"] & ~silent["accompaniment"]


def _write_estimates(folder: Path, estimates: Stems, sample_rate: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for source, estimate in estimates.items():
        write_audio(folder / f"{source}.wav", estimate, sample_rate, "FLOAT")


def _hashes(song: Song) -> list[str]:
    return [song.vocals.sha256, song.accompaniment.sha256]


def _licence(song: Song) -> str:
    return "; ".join(dict.fromkeys(stem.licence for stem in (song.vocals, song.accompaniment) if stem.licence))


def tool_versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of those in TOOLS, which may change a score."""
    versions = {"keras_sep": __version__, "python": platform.python_version()}
    for name in TOOLS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions
