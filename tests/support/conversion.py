"""What tests of converted files have in common: one small network in every file there can be, and broken ones."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from export.accuracy.agreement import Agreement
from export.conversion import convert as convert_module
from export.conversion.convert import FORMATS, convert
from keras_sep.models import OrUnet
from keras_sep.tflite.graphs import GRAPHS, MaskCore
from keras_sep.tflite.quantise import PRECISIONS
from tests.support.networks import SMALL_SPEC, move_normalisation

# Everything a plain TFLite runtime has; no Flex, no custom op.
KNOWN_OPS = {
    *("ADD", "BATCH_MATMUL", "CONCATENATION", "CONV_2D", "DIV", "FULLY_CONNECTED", "IMAG", "LOGISTIC", "MAXIMUM"),
    *("MEAN", "MUL", "PACK", "PAD", "REAL", "REDUCE_MAX", "RESHAPE", "RFFT2D", "SPLIT", "SQRT", "STRIDED_SLICE"),
    *("SUB", "TANH", "TRANSPOSE"),
}
SEED = 4  # of the small network
PROVENANCE = {"model": {"architecture": "or_unet", "size": "tiny"}, "seed": SEED}
Entry = dict[str, Any]


def as_if_trained(seed: int) -> OrUnet:
    """A tiny OR-U-Net whose normalisation matters, as after training; its state hardly does."""
    keras.utils.set_random_seed(seed)
    network = OrUnet("tiny", SMALL_SPEC)
    move_normalisation(network, seed)
    return network


def convert_small(out: Path) -> None:
    """The small network as `convert` leaves it: every graph in every precision and format."""
    convert(
        as_if_trained(SEED),
        out,
        "small",
        precisions=PRECISIONS,
        formats=FORMATS,
        provenance=PROVENANCE,
    )


def read_list(folder: Path) -> Entry:
    """What convert's list says of the small network."""
    return json.loads((folder / "small.json").read_text(encoding="utf-8"))


def write_list(folder: Path, summary: Entry, files: list[Entry]) -> None:
    """A list of these files only."""
    (folder / "small.json").write_text(json.dumps({**summary, "files": files}), encoding="utf-8")


def entry(summary: Entry, graph: str, precision: str, suffix: str = ".tflite") -> Entry:
    """The list's entry of one file."""
    return next(
        f for f in summary["files"] if (f["graph"], f["precision"]) == (graph, precision) and f["file"].endswith(suffix)
    )


def tflite_files(folder: Path) -> dict[tuple[str, str], Entry]:
    """The list's entries of .tflite files, by graph and precision."""
    files = read_list(folder)["files"]
    return {(f["graph"], f["precision"]): f for f in files if f["file"].endswith(".tflite")}


def copy_files(folder: Path, target: Path, wanted: Callable[[Entry], bool] = lambda file: True) -> Path:
    """A copy of a set of files to write to, with no more than the files wanted."""
    target.mkdir(parents=True, exist_ok=True)
    summary = read_list(folder)
    files = [file for file in summary["files"] if wanted(file)]
    for name in (summary["network"]["file"], *(file["file"] for file in files)):
        shutil.copy(folder / name, target)
    write_list(target, summary, files)
    return target


class Permuted(MaskCore):
    """Hands its state on the wrong way round."""

    def _step(self, inputs):
        outputs = super()._step(inputs)
        return {**outputs, "new_state_0": outputs["new_state_0"][:, ::-1]}


def convert_sabotaged(out: Path) -> None:
    """Files that say they are the small network's, each let past convert's own check, and a list of them."""
    small, entries = as_if_trained(SEED), []

    def forge(name: str, graph: str, precision: str, network=small) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(convert_module, "check_file", lambda *_: Agreement(0.0, 99.0))
            options = {"graphs": (graph,), "precisions": (precision,)}
            folder = out / name
            (file,) = convert(network, folder, "small", **options)
        content = (folder / file["file"]).read_bytes()
        shutil.rmtree(folder)
        (out / f"{name}.tflite").write_bytes(content)
        entries.append({**file, "file": f"{name}.tflite", "sha256": hashlib.sha256(content).hexdigest()})

    for graph in GRAPHS:
        forge(f"other-{graph}", graph, "dynamic_int8", network=as_if_trained(seed=6))
    nan = as_if_trained(SEED)
    nan.mask.set_weights([np.nan * w for w in nan.mask.get_weights()])
    forge("not-finite", "mask", "float32", network=nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GRAPHS, "mask", Permuted)
        forge("permuted", "mask", "dynamic_int8")
    write_list(out, {}, entries)
