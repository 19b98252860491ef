"""The shipped models, which are data: `assets/presets.json`, written by `python -m export publish`."""

from __future__ import annotations

import functools
import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_sep import store
from keras_sep.errors import ModelFileError
from keras_sep.spec import StreamSpec

DEFAULT_PRESET = "base"
# What the first release called them; `or-unet` was a stage of `small`, which is what its users get.
FORMER_NAMES = {
    "or-unet-df": "base",
    "or-unet-df-s": "small",
    "or-unet": "small",
    "small-l1": "small",
    "or-unet-df-free": "base-free",
}
# What is taken of a preset where nothing else is said: fast and small first, then exact.
PREFERENCE = ("dynamic_int8", "float32", "float16")
_GRAPHS = ("mask", "waveform")  # the faster one first


@dataclass(frozen=True)
class ModelFile:
    """One .tflite file of a preset.

    Attributes:
        graph: "mask" or "waveform".
        precision: float32, float16 or dynamic_int8.
        file: name of the file, in `store.ASSETS`.
        sha256: its digest.
        bytes: its size.
        agreement: how close it is to the float Keras network.
        quality: what it reaches on real songs.

    Examples:
        >>> from keras_sep.presets import get_preset
        >>> file = get_preset("small").file("waveform", "dynamic_int8")
        >>> file.path().name
        'small-waveform-dynamic_int8.tflite'
    """

    graph: str
    precision: str
    file: str
    sha256: str
    bytes: int
    agreement: dict[str, float]  # with the float Keras model, see export/accuracy/agreement.py
    quality: dict[str, Any] = field(default_factory=dict)  # on real songs, see export/verification/verify.py

    def path(self) -> Path:
        """Returns the path of the file, after a check of its SHA-256; ModelFileError if it is missing, see `store`."""
        return store.find(self.file, self.sha256)


@dataclass(frozen=True)
class Preset:
    """A shipped model: what it is, where it comes from, and its files.

    Attributes:
        name: name of the preset.
        description: one line about it.
        parameters: number of its weights.
        licence: SPDX identifier of the weights' licence.
        provenance: configuration, data and steps of its training.
        spec: stream format.
        files: its .tflite files.
        network: file, sha256 and bytes of the float Keras network, if that is there.

    Examples:
        >>> from keras_sep.presets import get_preset
        >>> preset = get_preset("base-free")
        >>> preset.licence, [f"{file.graph} {file.precision}" for file in preset.files]
        ('CC-BY-SA-4.0', ['waveform dynamic_int8'])
    """

    name: str
    description: str
    parameters: int
    licence: str
    provenance: dict[str, Any]
    spec: StreamSpec
    files: tuple[ModelFile, ...]
    network: dict[str, Any] = field(default_factory=dict)  # file, sha256 and bytes of the float Keras network

    def network_path(self) -> Path:
        """Returns the path of the float Keras network, after a check of its SHA-256.

        Raises:
            ModelFileError: the preset has none, or it is not there, see `keras_sep.store`.
        """
        if not self.network:
            raise ModelFileError(f"preset {self.name}: expected one with a Keras network. Received: none")
        return store.find(self.network["file"], self.network["sha256"])

    def file(self, graph: str, precision: str) -> ModelFile:
        """Returns the file of this graph and precision; ModelFileError if there is none."""
        return self.candidates(graph, precision)[0]

    def candidates(self, graph: str | None = None, precision: str | None = None) -> list[ModelFile]:
        """Returns the files of this graph and precision, None for any, the preferred one first.

        Raises:
            ModelFileError: there is none; lists what there is.
        """
        wanted = [f for f in self.files if graph in (None, f.graph) and precision in (None, f.precision)]
        if not wanted:
            found = ", ".join(f"{file.graph} {file.precision}" for file in self.files)
            asked = " ".join(filter(None, [graph, precision]))
            raise ModelFileError(f"preset {self.name}: expected one of {found}. Received: {asked}")
        return sorted(wanted, key=lambda file: (PREFERENCE.index(file.precision), _GRAPHS.index(file.graph)))


@functools.lru_cache(maxsize=1)
def presets() -> dict[str, Preset]:
    """Returns all presets by name.

    Examples:
        >>> from keras_sep.presets import presets
        >>> sorted(presets())
        ['base', 'base-free', 'small']
    """
    path = store.ASSETS / "presets.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ModelFileError(f"{path}: cannot read the presets ({error}); install keras_sep anew") from error
    result = {}
    for name, fields in data.items():
        files = tuple(ModelFile(**file) for file in fields["files"])
        result[name] = Preset(**{**fields, "name": name, "files": files, "spec": StreamSpec.from_dict(fields["spec"])})
    return result


def list_presets() -> list[Preset]:
    """Returns all presets, the default first.

    Examples:
        >>> import keras_sep
        >>> [preset.name for preset in keras_sep.list_presets()]
        ['base', 'base-free', 'small']
    """
    return sorted(presets().values(), key=lambda preset: (preset.name != DEFAULT_PRESET, preset.name))


def current_name(name: str) -> str:
    """Returns today's name of a preset of the first release, with a FutureWarning; any other name as it is.

    Examples:
        >>> from keras_sep.presets import current_name
        >>> current_name("base")
        'base'
    """
    if name not in FORMER_NAMES:
        return name
    warnings.warn(f"the preset {name} is called {FORMER_NAMES[name]} now", FutureWarning, stacklevel=3)
    return FORMER_NAMES[name]


def get_preset(name: str) -> Preset:
    """Returns a shipped model by its name, or by the one it had in the first release.

    Raises:
        ModelFileError: an unknown name; lists the presets.

    Examples:
        >>> from keras_sep.presets import get_preset
        >>> get_preset("base").parameters
        1304516
    """
    try:
        return presets()[current_name(name)]
    except KeyError:
        raise ModelFileError(f"unknown preset {name!r}: expected one of {', '.join(sorted(presets()))}") from None
