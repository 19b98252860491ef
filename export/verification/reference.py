"""The results of the float Keras network on the test songs, computed once for all files that are compared with it.

They are computed in bounded memory; `export.verification.measure` documents the files written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from common.files import written_beside
from common.scores import median_sdr
from export.data.songs import Song
from export.verification.measure import Advance, read_stream, stem_windows, windows
from keras_sep.inference import MaskStream, separate
from keras_sep.models import OnlineNetwork
from keras_sep.signal import OverlapAdd, StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec


def write_songs(songs: list[Song], spec: StreamSpec, reference: Path) -> None:
    """Writes the stems of the excerpts into the folder `reference`, for other processes to read."""
    (reference / "songs").mkdir(parents=True, exist_ok=True)
    for index, song in enumerate(songs):
        with written_beside(reference / "songs" / f"{index:04d}.npy") as part, part.open("wb") as file:
            np.save(file, song.read(spec))


def write_stream(network: OnlineNetwork, reference: Path, steps: int, advance: Advance) -> None:
    """Writes the network's masks, stems and states at every checkpoint of the stream to stream.npz.

    Args:
        network: the float network.
        reference: folder in which `write_songs` has written.
        steps: length of the stream, ≥ 1.
        advance: called with the number of steps after each part.
    """
    spec, stream = network.spec, MaskStream(network)
    stft, overlap_adds = StreamingStft(spec), [OverlapAdd(spec) for _ in spec.sources]
    masks: dict[int, list] = {n: [] for n in windows(steps)}
    stems: dict[int, list] = {n: [] for n in windows(steps)}
    result: dict[str, Any] = {}
    for places, samples in read_stream(reference, spec, steps):
        spectrum = stft.push(samples)
        masks_by_name = stream.push(magnitude_views(spectrum, spec))
        mask = np.stack([masks_by_name[f"{source}_mask"] for source in spec.sources])
        stem = np.stack([o.push(m * spectrum) for o, m in zip(overlap_adds, mask, strict=True)])
        for n, window in windows(steps).items():
            if found := _overlap(window, places):
                masks[n].append(mask[:, found.start : found.stop])
        for n, window in stem_windows(steps, spec).items():
            if found := _overlap(window, places):
                stems[n].append(stem[:, found.start * spec.frame_step : found.stop * spec.frame_step])
        if places.stop in masks:
            result |= {f"state_{i}_{places.stop}": state for i, state in enumerate(stream.states)}
        advance(len(places))
    for n in masks:
        result |= {f"masks_{n}": np.concatenate(masks[n], axis=1), f"stems_{n}": np.concatenate(stems[n], axis=1)}
    with written_beside(reference / "stream.npz") as part, part.open("wb") as file:
        np.savez(file, **result)


def _overlap(window: range, places: range) -> range:
    """Returns the part of `places` that is in a window, counted from the first place."""
    return range(max(window.start, places.start) - places.start, min(window.stop, places.stop) - places.start)


def song_sdr(network: OnlineNetwork, song: Song) -> list[float]:
    """Measures the network's median SDR of each source on a song, as `export.verification.measure.measure_song`."""
    spec = network.spec
    references = song.read(spec)
    found = separate(network, references.sum(axis=0))
    estimates = np.stack([found[source] for source in spec.sources])
    return median_sdr(references, estimates, spec.sample_rate, song.active)
