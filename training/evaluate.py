"""`python -m training evaluate`: SDR of a model on songs with stems, beside the unprocessed mixture's."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from tqdm import tqdm

from keras_sep.separator import Separator
from training.files import write_json
from training.scoring import active_frames, bss_eval, most_active_excerpt, si_sdr

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


def evaluate(
    data: Path, split: str, preset: str, model: Path | None, graph: str, precision: str, excerpt: int | None, jobs: int
) -> list[SongScore]:
    """Scores every song of `<data>/<split>/songs`.

    Args:
        data: folder of stems, see `training.stems`.
        split: "valid" or "test".
        preset, model, graph, precision: as for `keras_sep.Separator`.
        excerpt: score only the this many seconds in which the voice is most active.
        jobs: processes.
    """
    songs = sorted(path for path in (data / split / "songs").glob("*") if path.is_dir())
    if not songs:
        raise ValueError(f"expected songs with stems in {data / split / 'songs'}. Received: none")
    score = partial(score_song, preset=preset, model=model, graph=graph, precision=precision, excerpt=excerpt)
    with ProcessPoolExecutor(jobs) as pool:
        return list(tqdm(pool.map(score, songs), total=len(songs), unit="song", disable=None))


def score_song(
    folder: Path, *, preset: str, model: Path | None, graph: str, precision: str, excerpt: int | None
) -> SongScore:
    references, rate = [], 0
    for source in SOURCES:
        path = next(iter(sorted(folder.glob(f"{source}.*"))), None)
        if path is None:
            raise ValueError(f"{folder}: expected {source}.*. Received: no such file")
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
        references.append(audio)
    lengths = [len(reference) for reference in references]
    if max(lengths) - min(lengths) > 0.1 * rate:
        raise ValueError(f"{folder}: expected stems of one length. Received: {lengths} samples")
    references = [reference[: min(lengths)] for reference in references]  # coders pad to whole blocks
    mixture = references[0] + references[1]
    # The whole song is separated, whatever part is scored: the network has heard what came before.
    stems = Separator(preset, model=model, graph=graph, precision=precision).separate(mixture, rate)
    part = most_active_excerpt(references[0], rate, excerpt) if excerpt else slice(None)
    references = [reference[part] for reference in references]
    estimates = [stems[source][part] for source in SOURCES]
    active = active_frames(references[0], rate)

    def medians(estimates: list[np.ndarray]) -> tuple[Pair, Pair]:
        sdr = bss_eval(references, estimates, rate)["SDR"]
        count = min(len(active), sdr.shape[1])
        return _rounded(np.nanmedian(sdr, axis=1)), _rounded(np.nanmedian(sdr[:, :count][:, active[:count]], axis=1))

    before, before_active = medians([mixture[part], mixture[part]])
    after, after_active = medians(estimates)
    return SongScore(
        song=folder.name,
        seconds=len(references[0]) / rate,
        active_seconds=int(active.sum()),
        mixture=before,
        estimate=after,
        mixture_active=before_active,
        estimate_active=after_active,
        estimate_si_sdr=_rounded([si_sdr(r, e) for r, e in zip(references, estimates, strict=True)]),
    )


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
