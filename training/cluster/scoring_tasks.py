"""Scoring of songs on a Ray cluster: a task for each pair of a song and a row.

A task does what `python -m training evaluate` does with one song and one row, and returns the files; the command puts
them into its result folder. Songs travel as arrays, so the machines need no data set; what methods are made of, such as
a model file, they must reach under the same path.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_sep.batch.workers import usable_cores
from keras_sep.cluster.session import ray_session
from training.data.stems import Song
from training.evaluation.methods import Method
from training.evaluation.scoring import Elsewhere, Pair, Scores, score_pair
from training.evaluation.scoring_processes import ENVIRONMENT

BYTES_PER_SECOND = 17_000_000  # of a song that is scored
STORE_BYTES = 1_000_000_000


def on_cluster(
    cluster: str,
    makers: Mapping[str, Callable[[], Method]],
    sample_rate: int,
    excerpt: int | None,
    save_estimates: bool,
) -> Elsewhere:
    """Returns what `evaluate` takes as `elsewhere`.

    Args:
        cluster: see `keras_sep.cluster.session.ray_session`.
        makers: by the name of its row, what makes a method on the machine that scores.
        sample_rate, excerpt, save_estimates: as of `evaluate`.
    """

    def elsewhere(pairs: Sequence[Pair]) -> Iterator[tuple[int, Scores]]:
        with ray_session(cluster, usable_cores(), store_bytes=STORE_BYTES) as ray:
            # A machine that dies costs its songs a second try.
            score = ray.remote(num_cpus=1, max_retries=1, runtime_env={"env_vars": ENVIRONMENT})(_score)
            most = 2 * max(1, int(ray.cluster_resources().get("CPU", 1)))  # that are under way, or wait with their song
            room = max(node["Resources"].get("memory", 0) for node in ray.nodes() if node["Alive"])
            running: dict[Any, int] = {}
            song, sent = None, None
            for index, pair in enumerate(pairs):
                while len(running) >= most:
                    yield _next(ray, running)
                if pair.song is not song:
                    song, sent = pair.song, ray.put(_whole(pair.song))
                seconds = len(pair.song.vocals.audio) / sample_rate
                memory = min(int(BYTES_PER_SECOND * seconds), int(room))
                asked = dataclasses.replace(pair, song=None)  # type: ignore[arg-type]
                task = score.options(memory=memory).remote(
                    sent, asked, makers[pair.method], sample_rate, excerpt, save_estimates
                )
                running[task] = index
            while running:
                yield _next(ray, running)

    return elsewhere


def _next(ray: Any, running: dict[Any, int]) -> tuple[int, Scores]:
    (task,), _ = ray.wait(list(running), num_returns=1)
    index = running.pop(task)
    try:
        return index, ray.get(task)
    except ray.exceptions.RayTaskError as error:
        return index, ({}, f"{type(error.cause).__name__}: {error.cause}")
    except ray.exceptions.RayError as error:
        return index, ({}, f"the process that scored it died twice ({type(error).__name__})")


def _score(
    song: Song, pair: Pair, make: Callable[[], Method], sample_rate: int, excerpt: int | None, save_estimates: bool
) -> Scores:
    return score_pair(dataclasses.replace(pair, song=song), make(), sample_rate, excerpt, save_estimates)


def _whole(song: Song) -> Song:
    """Returns the song with its audio, which otherwise stays in a file of this machine."""
    vocals, accompaniment = (
        dataclasses.replace(stem, audio=np.array(stem.audio)) for stem in (song.vocals, song.accompaniment)
    )
    return dataclasses.replace(song, vocals=vocals, accompaniment=accompaniment)
