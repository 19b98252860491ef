"""The methods that can be scored: separators of ours, stems of another system, and reference rows.

To add a reference row, write a function from a `ScoredMixture` to stems and name it in REFERENCES.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from common.files import sha256_of
from common.song_stems import AUDIO_SUFFIXES, KNOWN, audio_files, stem_files
from keras_sep.audio import AudioReader
from training.data.datasets.leakage import song_key
from training.data.datasets.track import folders
from training.evaluation.oracles import ideal_mask
from training.evaluation.repet import repet_sim
from training.evaluation.results import require_row_name
from training.evaluation.scored_mixture import SOURCES, ScoredMixture, Stems, Waveform

if TYPE_CHECKING:
    from keras_sep.models import MaskNetwork


@dataclass(frozen=True)
class Method:
    """A method, which is a row of the table.

    Args:
        row: name of the row's folders.
        label: name of the row for readers.
        kind: one of `results.KINDS`.
        separate: function of a scored mixture that returns one waveform (samples, channels) a source.
        about: facts that the scores depend on, such as the SHA-256 of weights.
        about_song: function of a song's name that returns further facts, such as hashes of existing estimates.
        online: whether the method uses no future audio; None if it is not known.
        sample_rate: Hz; None if any will do.
    """

    row: str
    label: str
    kind: str
    separate: Callable[[ScoredMixture], Stems]
    about: Mapping[str, Any] = field(default_factory=dict)
    about_song: Callable[[str], Any] = lambda song: None
    online: bool | None = None
    sample_rate: int | None = None


def _mixture(scored: ScoredMixture) -> Stems:
    """Returns the mixture as the estimate of both sources."""
    return dict.fromkeys(SOURCES, scored.mixture)


REFERENCES = {
    method.row: method
    for method in (
        Method("mixture", "mixture, unprocessed", "mixture", _mixture),
        Method("repet_sim", "REPET-SIM (librosa)", "classical", repet_sim, online=False),
        Method("irm1", "IRM1 oracle", "oracle", functools.partial(ideal_mask, kind="irm1")),
        Method("irm2", "IRM2 oracle", "oracle", functools.partial(ideal_mask, kind="irm2")),
        Method("ibm", "IBM oracle", "oracle", functools.partial(ideal_mask, kind="ibm")),
    )
}


def of_file(
    preset: str, model: Path | None, graph: str | None = None, precision: str | None = None, *, name: str | None = None
) -> tuple[Method, dict[str, Any]]:
    """Builds the method of a shipped model or a .tflite file, which separates as it streams.

    Args:
        preset: name of the shipped model.
        model: .tflite file to use instead; None for the preset.
        graph: "mask" or "waveform"; None for the preset's faster one.
        precision: None for the preset's fastest one.
        name: of the row; None for the file's.

    Returns:
        The method, and the provenance of its weights.

    Raises:
        ValueError: there is no such preset or file, or `name` is not a name for a row.
    """
    from keras_sep.metadata import read_metadata
    from keras_sep.presets import get_preset, presets
    from keras_sep.separator import Separator

    path = model or get_preset(preset).candidates(graph, precision)[0].path()
    separator = Separator(model=path)
    # The provenance of a preset may be newer than that in its files, which must keep their SHA-256.
    known = {file.sha256: shipped for shipped in presets().values() for file in shipped.files}
    sha256 = sha256_of(path)
    provenance = (
        known[sha256].provenance if sha256 in known else read_metadata(path.read_bytes(), str(path))["provenance"]
    )

    def separate(scored: ScoredMixture) -> Stems:
        return separator.separate(scored.mixture, scored.sample_rate)

    method = Method(
        require_row_name(name or path.stem),
        name or path.stem,
        "model",
        separate,
        {"file": path.name, "sha256": sha256},
        online=True,
        sample_rate=separator.spec.sample_rate,
    )
    return method, provenance


def of_run(run: Path, *, name: str | None = None) -> Method:
    """Builds the method of a training run: its best network, in Keras on whole songs.

    Raises:
        ValueError: the folder is not a run, or `name` is not a name for a row.
    """
    from common.runs import load_best
    from keras_sep.models import OnlineNetwork

    network = load_best(run)
    spec = network.spec

    return Method(
        require_row_name(name or run.resolve().name),
        f"{name or run.resolve().name} (Keras)",
        "model",
        lambda scored: separate_whole(network, scored.mixture),
        {"run": run.resolve().name, "sha256": sha256_of(run / "best.keras"), "spec": spec.to_dict()},
        online=isinstance(network, OnlineNetwork),
        sample_rate=spec.sample_rate,
    )


def separate_whole(network: MaskNetwork, mixture: Waveform) -> Stems:
    """Separates a whole mixture (samples, channels) in Keras.

    A mono mixture is put on all channels of the network, and comes out in mono; a mono network separates each channel
    of a stereo mixture by itself.
    """
    from keras_sep import inference

    if network.spec.num_channels == 1:
        sides = [inference.separate(network, mixture[:, i : i + 1]) for i in range(mixture.shape[1])]
        return {source: np.concatenate([side[source] for side in sides], axis=1) for source in network.spec.sources}
    if mixture.shape[1] > 1:
        return inference.separate(network, mixture)
    stems = inference.separate(network, np.repeat(mixture, network.spec.num_channels, axis=1))
    return {source: stem.mean(axis=1, keepdims=True) for source, stem in stems.items()}


def of_models(names: Sequence[str]) -> tuple[list[Method], int]:
    """Returns a method for each preset, as it streams, and each run folder, in Keras; and their sample rate, Hz.

    Raises:
        ValueError: neither a preset nor a run, or networks of different sample rates.
    """
    from keras_sep.presets import presets

    chosen = [of_file(name, None, name=name)[0] if name in presets() else of_run(Path(name)) for name in names]
    rate, *others = sorted({method.sample_rate for method in chosen if method.sample_rate})
    if others:
        raise ValueError(f"expected networks of one sample rate. Received: {rate} and {others[0]} Hz")
    return chosen, rate


def of_estimates(folder: Path, *, name: str | None = None) -> Method:
    """Builds the method of stems that another system made: <folder>/<song>/<stem>.wav, or <folder>/test/<song>/….

    The second layout is museval's. Stems have any of the names in `common.song_stems`. A song whose
    stems are missing or incomplete fails when it is scored.

    Raises:
        ValueError: no folder in `folder` holds audio, or `name` is not a name for a row.
    """
    found: dict[str, Path] = {}
    for song in [song for parent in (folder / "test", folder) for song in folders(parent)]:
        if audio_files(song):
            found.setdefault(song.name, song)
    if not found:
        raise ValueError(
            f"{folder}: expected folders of songs with {', '.join(KNOWN)} as {', '.join(sorted(AUDIO_SUFFIXES))}. "
            "Received: none"
        )

    def of_song(name: str) -> dict[str, list[Path]]:
        alike = [name] if name in found else [other for other in found if song_key(other) == song_key(name)]
        if len(alike) != 1:
            raise ValueError(f"{folder}: expected one folder named {name}. Received: {', '.join(alike) or 'none'}")
        return stem_files(found[alike[0]])

    def separate(scored: ScoredMixture) -> Stems:
        paths = of_song(scored.song)
        return {source: _sum([_read(path, scored.sample_rate) for path in paths[source]]) for source in SOURCES}

    def about_song(name: str) -> list[str]:
        try:
            return [sha256_of(path) for paths in of_song(name).values() for path in paths]
        except ValueError:
            return []  # `separate` raises the same error, and the song fails

    return Method(
        require_row_name(name or folder.resolve().name),
        name or folder.resolve().name,
        "estimates",
        separate,
        about_song=about_song,
    )


def _read(path: Path, sample_rate: int) -> Waveform:
    with AudioReader(path, strict=True) as reader:
        if reader.sample_rate != sample_rate:
            raise ValueError(f"{path}: expected {sample_rate} Hz, as the references. Received: {reader.sample_rate} Hz")
        return np.concatenate(list(reader.blocks()))


def _sum(parts: list[Waveform]) -> Waveform:
    if len({part.shape for part in parts}) > 1:
        raise ValueError(f"expected stems of one shape to add up. Received: {[part.shape for part in parts]}")
    return np.sum(parts, axis=0)
