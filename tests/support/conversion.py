"""What tests of converted files have in common: one small network in every file there can be, and broken ones."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export import convert as convert_module
from export import quantise
from export.calibration import Calibration
from export.convert import FORMATS, convert
from export.graphs import GRAPHS, MaskCore
from export.quantise import PRECISIONS
from export.verification.agreement import Agreement, probe_signal
from tests.support.networks import SMALL_SPEC, as_if_trained

# Everything a plain TFLite runtime has; no Flex, no custom op.
KNOWN_OPS = {
    *(
        "ADD",
        "BATCH_MATMUL",
        "CONCATENATION",
        "CONV_2D",
        "FULLY_CONNECTED",
        "IMAG",
        "LOGISTIC",
        "MUL",
        "PACK",
        "PAD",
        "REAL",
        "RESHAPE",
    ),
    *("RFFT2D", "SPLIT", "SQRT", "STRIDED_SLICE", "SUB", "TANH", "TRANSPOSE"),
}
SEED = 4  # of the small network
PROVENANCE = {"size": "tiny", "seed": SEED}
Entry = dict[str, Any]


def probe_calibration(scale: float = 1.0) -> Calibration:
    """The probe's first half calibrates, at `scale`, its second half checks."""
    probe = probe_signal(SMALL_SPEC, num_frames=120)
    half = len(probe) // 2
    return Calibration(
        [scale * probe[:half], scale * probe[half:]], probe[half // 2 : -half // 2], {"songs": ["probe"]}
    )


def convert_small(out: Path) -> None:
    """The small network as `convert` leaves it: every graph in every precision and format."""
    convert(
        as_if_trained(SEED),
        SMALL_SPEC,
        out,
        "small",
        precisions=PRECISIONS,
        formats=FORMATS,
        calibration=probe_calibration(),
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

    def forge(name: str, graph: str, precision: str, network=small, calibration: Calibration | None = None) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(convert_module, "check_file", lambda *_: Agreement(0.0, 99.0))
            options = {"graphs": (graph,), "precisions": (precision,)}
            folder = out / name
            (file,) = convert(
                network, SMALL_SPEC, folder, "small", calibration=calibration or probe_calibration(), **options
            )
        content = (folder / file["file"]).read_bytes()
        shutil.rmtree(folder)
        (out / f"{name}.tflite").write_bytes(content)
        entries.append({**file, "file": f"{name}.tflite", "sha256": hashlib.sha256(content).hexdigest()})

    forge("other-model", "mask", "int8", network=as_if_trained(seed=6))
    forge("wrong-calibration", "mask", "int8", calibration=probe_calibration(scale=1e-4))
    nan = as_if_trained(SEED)
    variable = next(v for v in nan.weights if "mask_conv" in v.path)
    variable.assign(variable * np.nan)
    forge("not-finite", "mask", "float32", network=nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GRAPHS, "mask", Permuted)
        forge("permuted", "mask", "int8")
    with pytest.MonkeyPatch.context() as patch:
        # What the quantiser does by itself: also the STFT and the overlap-add in 8 bits.
        patch.setattr(quantise, "_int8", lambda converter, network: converter.convert())
        forge("integers", "waveform", "int8")
    write_list(out, {}, entries)
