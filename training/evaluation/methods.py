"""What can be scored: separators of ours, stems that another system made, and the reference rows beside them.

To add a reference row: write a function from a Scene to stems and name it in REFERENCES.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from common.files import sha256_of
from training.data.datasets.leakage import song_key
from training.data.datasets.track import AUDIO_SUFFIXES, folders
from training.evaluation.oracles import ideal_mask
from training.evaluation.repet import repet_sim
from training.evaluation.results import require_row_name
from training.evaluation.scene import SOURCES, Scene, Stems, Waveform

# Names that other systems give the accompaniment (Spleeter and museval, Demucs, others), and its parts.
ACCOMPANIMENT = ("accompaniment", "no_vocals", "instrumental")
PARTS = ("drums", "bass", "other", "guitar", "piano")


@dataclass(frozen=True)
class Method:
    """A row of the table.

    Args:
        row: name of the row's folders.
        label: for people.
        kind: one of `results.KINDS`.
        separate: from a scene to one (samples, channels) array a source.
        about: what its scores depend on, such as the SHA-256 of weights.
        about_song: from a song's name to what its scores depend on beside `about`, such as files that lie ready.
        online: hears no future; None where nobody has said.
        sample_rate: Hz, or None where any will do.
    """

    row: str
    label: str
    kind: str
    separate: Callable[[Scene], Stems]
    about: Mapping[str, Any] = field(default_factory=dict)
    about_song: Callable[[str], Any] = lambda song: None
    online: bool | None = None
    sample_rate: int | None = None


def _mixture(scene: Scene) -> Stems:
    """No separation: the mixture is the estimate of both."""
    return dict.fromkeys(SOURCES, scene.mixture)


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
    """A shipped model, by the fastest of the files asked for, or a .tflite file, as it streams; with its provenance."""
    from keras_sep.metadata import read_metadata
    from keras_sep.presets import get_preset, presets
    from keras_sep.separator import Separator

    path = model or get_preset(preset).candidates(graph, precision)[0].path()
    separator = Separator(model=path)
    # A preset may know more of itself than its files, which cannot be changed without changing their SHA-256.
    known = {file.sha256: shipped for shipped in presets().values() for file in shipped.files}
    sha256 = sha256_of(path)
    provenance = (
        known[sha256].provenance if sha256 in known else read_metadata(path.read_bytes(), str(path))["provenance"]
    )

    def separate(scene: Scene) -> Stems:
        return separator.separate(scene.mixture, scene.sample_rate)

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
    """The best network of a training run, in Keras on whole songs."""
    from common.runs import load_best
    from keras_sep import inference
    from keras_sep.models import OnlineNetwork

    network = load_best(run)
    spec = network.spec

    def separate(scene: Scene) -> Stems:
        channels = scene.mixture.shape[1]
        mixture = np.repeat(scene.mixture, spec.num_channels // channels, axis=1)
        stems = inference.separate(network, mixture)
        return {source: stem.mean(axis=1, keepdims=True) if channels == 1 else stem for source, stem in stems.items()}

    return Method(
        require_row_name(name or run.resolve().name),
        f"{name or run.resolve().name} (Keras)",
        "model",
        separate,
        {"run": run.resolve().name, "sha256": sha256_of(run / "best.keras"), "spec": spec.to_dict()},
        online=isinstance(network, OnlineNetwork),
        sample_rate=spec.sample_rate,
    )


def of_estimates(folder: Path, *, name: str | None = None) -> Method:
    """Stems that another system made: <folder>/<song>/<stem>.wav, or with test/ between, as museval has it.

    Stems are `vocals` and `accompaniment`, or one of the names that other systems give it, or what is to be summed.

    Raises:
        ValueError: if the folder has no song with stems.
    """
    found: dict[str, dict[str, list[Path]]] = {}
    for song in [song for parent in (folder / "test", folder) for song in folders(parent)]:
        if stems := _stems(song):
            found.setdefault(song.name, stems)
    if not found:
        raise ValueError(
            f"{folder}: expected folders of songs with vocals and {', '.join(ACCOMPANIMENT)} or parts of it as "
            f"{', '.join(sorted(AUDIO_SUFFIXES))}. Received: none"
        )

    def of_song(name: str) -> dict[str, list[Path]]:
        alike = [name] if name in found else [other for other in found if song_key(other) == song_key(name)]
        if len(alike) != 1:
            raise ValueError(f"{folder}: expected one folder named {name}. Received: {', '.join(alike) or 'none'}")
        return found[alike[0]]

    def separate(scene: Scene) -> Stems:
        paths = of_song(scene.song)
        return {source: _sum([_read(path, scene.sample_rate) for path in paths[source]]) for source in SOURCES}

    def about_song(name: str) -> list[str]:
        try:
            return [sha256_of(path) for paths in of_song(name).values() for path in paths]
        except ValueError:
            return []  # `separate` says so

    return Method(
        require_row_name(name or folder.resolve().name),
        name or folder.resolve().name,
        "estimates",
        separate,
        about_song=about_song,
    )


def _stems(song: Path) -> dict[str, list[Path]]:
    """Files of a song's folder to add up for each source; {} without vocals or without accompaniment."""
    stems = {path.stem: path for path in sorted(song.iterdir()) if path.suffix.lower() in AUDIO_SUFFIXES}
    whole = [stems[name] for name in ACCOMPANIMENT if name in stems]
    parts = {name: path for name, path in stems.items() if name not in ("vocals", "mixture")}
    if unknown := sorted(set(parts) - {*PARTS, *ACCOMPANIMENT}):
        known = ", ".join(("vocals", *ACCOMPANIMENT, *PARTS))
        raise ValueError(f"{song}: expected stems named {known}. Received: {', '.join(unknown)}")
    if "vocals" not in stems or not parts:
        return {}
    return {"vocals": [stems["vocals"]], "accompaniment": whole[:1] or list(parts.values())}


def _read(path: Path, sample_rate: int) -> Waveform:
    try:
        audio, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:
        raise ValueError(f"{path}: not a readable audio file ({error})") from error
    if rate != sample_rate:
        raise ValueError(f"{path}: expected {sample_rate} Hz, as the references. Received: {rate} Hz")
    return audio


def _sum(parts: list[Waveform]) -> Waveform:
    if len({part.shape for part in parts}) > 1:
        raise ValueError(f"expected stems of one shape to add up. Received: {[part.shape for part in parts]}")
    return np.sum(parts, axis=0)
