"""`python -m training evaluate`: SDR of a model on songs with stems, beside the unprocessed mixture's."""

from __future__ import annotations

import json
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.datasets import load_split
from training.datasets.leakage import pool_songs, refuse_shared, run_hashes, run_songs, stem_hashes
from training.files import write_json
from training.scoring import active_frames, bss_eval, most_active_excerpt, si_sdr
from training.stems import Song

SOURCES = ("vocals", "accompaniment")
Pair = tuple[float, float]


@dataclass(frozen=True)
class SongScore:
    """SDR, dB, of (vocals, accompaniment): median over 1 s frames."""

    song: str
    seconds: float
    active_seconds: int
    mixture: Pair
    estimate: Pair
    mixture_active: Pair
    estimate_active: Pair
    estimate_si_sdr: Pair


Separate = Callable[[np.ndarray, int], dict[str, np.ndarray]]  # (samples, channels), Hz → stems by source


def evaluate(
    songs: list[Song], separate: Separate, sample_rate: int, excerpt: int | None, jobs: int
) -> list[SongScore]:
    """Separates and scores songs, several at a time.

    Args:
        songs: of `training.datasets.load_split`.
        separate: from a mixture and its sample rate to the stems.
        sample_rate: of the songs, Hz.
        excerpt: score only the this many seconds in which the voice is most active.
        jobs: scoring processes.

    Raises:
        ValueError: if there are no songs.
    """
    import museval  # noqa: F401  # before an hour of separation, not after

    if not songs:
        raise ValueError("expected songs with stems to score. Received: none")
    require_counts(excerpt, jobs)
    # Spawned: a process that has threads, as every Keras backend has, cannot safely be forked.
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        scores = []
        waiting: deque[Future[SongScore]] = deque()
        with tqdm(total=len(songs), unit="song", disable=None) as bar:
            for song in songs:
                references = [stem.read(0, len(stem.audio)) for stem in (song.vocals, song.accompaniment)]
                references = [_stereo(reference) for reference in references]
                # The whole song is separated, whatever part is scored: the network has heard what came before.
                stems = separate(references[0] + references[1], sample_rate)
                estimates = [stems[source] for source in SOURCES]
                waiting.append(pool.submit(score_song, song.name, references, estimates, sample_rate, excerpt))
                if len(waiting) > jobs:  # what waits is in memory
                    scores.append(waiting.popleft().result())
                    bar.update()
            for future in waiting:
                scores.append(future.result())
                bar.update()
        return scores


def require_counts(excerpt: int | None, jobs: int) -> None:
    for name, value in (("--excerpt", 1 if excerpt is None else excerpt), ("--jobs", jobs)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1. Received: {value}")


def teachers_of(run: Path) -> list[Path]:
    """The run folder of a run's teacher, if it had one and it is still there."""
    teacher = json.loads((run / "config.json").read_text(encoding="utf-8")).get("teacher")
    return [Path(teacher)] if teacher and (Path(teacher) / "manifest.json").exists() else []


@contextmanager
def scored_songs(
    data: Path,
    split: Any,
    sample_rate: int,
    *,
    dataset: str = "folder",
    cache: Path | None = None,
    strict: bool = False,
    run: Path | None = None,
    exclude_shared: bool = False,
) -> Iterator[list[Song]]:
    """The songs of a split, decoded into `cache` or a folder that goes with the context.

    Raises:
        ValueError: for songs that `run` was trained or validated on, unless they are to be left out; on the
            validation split, which the run has seen, only those that it was trained on.
    """
    seen = ("train",) if split == "valid" else ("train", "valid")
    runs = [run, *teachers_of(run)] if run else []
    trained = [name for each in runs for name in run_songs(each, seen)]
    hashes = {sha256 for each in runs for sha256 in run_hashes(each, seen)}
    with tempfile.TemporaryDirectory() as folder:
        pool = load_split(
            data,
            split,
            cache or Path(folder),
            sample_rate,
            dataset=dataset,
            strict=strict,
            exclude=trained if exclude_shared else (),
        )
        refuse_shared(
            trained, pool_songs(pool), "the songs to score", trained_sha256=hashes, other_sha256=stem_hashes(pool)
        )
        yield pool.songs


def score_song(
    name: str, references: list[np.ndarray], estimates: list[np.ndarray], rate: int, excerpt: int | None
) -> SongScore:
    """Scores one song's stems (samples, channels), in the order of SOURCES."""
    part = most_active_excerpt(references[0], rate, excerpt) if excerpt else slice(None)
    references = [reference[part] for reference in references]
    estimates = [estimate[part] for estimate in estimates]
    mixture = references[0] + references[1]
    active = active_frames(references[0], rate)

    def medians(estimates: list[np.ndarray]) -> tuple[Pair, Pair]:
        sdr = bss_eval(references, estimates, rate)["SDR"]
        count = min(len(active), sdr.shape[1])
        return _rounded(np.nanmedian(sdr, axis=1)), _rounded(np.nanmedian(sdr[:, :count][:, active[:count]], axis=1))

    before, before_active = medians([mixture, mixture])
    after, after_active = medians(estimates)
    return SongScore(
        song=name,
        seconds=len(references[0]) / rate,
        active_seconds=int(active.sum()),
        mixture=before,
        estimate=after,
        mixture_active=before_active,
        estimate_active=after_active,
        estimate_si_sdr=_rounded([si_sdr(r, e) for r, e in zip(references, estimates, strict=True)]),
    )


def _stereo(waveform: np.ndarray) -> np.ndarray:
    return np.repeat(waveform, 2, axis=1) if waveform.shape[1] == 1 else waveform


def _rounded(values) -> Pair:
    vocals, accompaniment = (round(float(value), 2) for value in values)
    return vocals, accompaniment


def table(scores: list[SongScore]) -> str:
    """Markdown: median SDR on voice-active frames, and over all frames, vocals / accompaniment."""
    lines = [
        "| song | active / all s | mixture V / A | separated V / A | lift V / A | all frames: mixture | separated |",
        "|---|---|---|---|---|---|---|",
    ]
    lifts = []
    for s in scores:
        lift = np.subtract(s.estimate_active, s.mixture_active)
        lifts.append(lift)
        lines.append(
            f"| {s.song} | {s.active_seconds} / {s.seconds:.0f} | {_pair(s.mixture_active)} "
            f"| {_pair(s.estimate_active)} | {_pair(lift, '+.2f')} | {_pair(s.mixture)} | {_pair(s.estimate)} |"
        )
    lines.append(f"| mean lift | | | | {_pair(np.mean(lifts, axis=0), '+.2f')} | | |")
    return "\n".join(lines)


def save(scores: list[SongScore], path: Path) -> None:
    write_json(path, [asdict(score) for score in scores])


def _pair(values, form: str = ".2f") -> str:
    return f"{values[0]:{form}} / {values[1]:{form}}"
