"""What tests of converted files have in common: one small network in every file there can be, and broken ones."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_quantizer import qtyping, quantizer

from export.accuracy.agreement import Agreement, probe_signal
from export.conversion import convert as convert_module
from export.conversion.convert import FORMATS, convert
from export.data.calibration import Calibration
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
QUANTISE = sys.modules["keras_sep.tflite.quantise"]  # the package has its function of this name
Entry = dict[str, Any]


def as_if_trained(seed: int) -> OrUnet:
    """A tiny OR-U-Net whose normalisation matters, as after training; its state hardly does."""
    keras.utils.set_random_seed(seed)
    network = OrUnet("tiny", SMALL_SPEC)
    move_normalisation(network, seed)
    return network


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


def _integers(content: bytes, _: str, samples: Iterable[dict[str, np.ndarray]]) -> bytes:
    """What the quantiser would do by itself: also all of the inverse transform in 8 bits."""
    eight = qtyping.TensorQuantizationConfig(8, symmetric=False)
    config = qtyping.OpQuantizationConfig(
        activation_tensor_config=eight,
        weight_tensor_config=qtyping.TensorQuantizationConfig(8),
        compute_precision=qtyping.ComputePrecision.INTEGER,
    )
    work, names = quantizer.Quantizer(bytearray(content)), qtyping.TFLOperationName
    for operation in (names.CONV_2D, names.FULLY_CONNECTED):
        work.update_quantization_recipe(".*", operation, config)
    work.update_quantization_recipe(f"(^|/){QUANTISE.SCOPE}/", names.ALL_SUPPORTED, config)
    ranges = QUANTISE._ranges(content, work.get_quantization_recipe(), samples)
    return QUANTISE._float_outputs(bytes(work.quantize(ranges, enable_progress_report=False).quantized_model))


def convert_sabotaged(out: Path) -> None:
    """Files that say they are the small network's, each let past convert's own check, and a list of them."""
    small, entries = as_if_trained(SEED), []

    def forge(name: str, graph: str, precision: str, network=small, calibration: Calibration | None = None) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(convert_module, "check_file", lambda *_: Agreement(0.0, 99.0))
            options = {"graphs": (graph,), "precisions": (precision,)}
            folder = out / name
            (file,) = convert(network, folder, "small", calibration=calibration or probe_calibration(), **options)
        content = (folder / file["file"]).read_bytes()
        shutil.rmtree(folder)
        (out / f"{name}.tflite").write_bytes(content)
        entries.append({**file, "file": f"{name}.tflite", "sha256": hashlib.sha256(content).hexdigest()})

    forge("other-model", "mask", "int8", network=as_if_trained(seed=6))
    forge("wrong-calibration", "mask", "int8", calibration=probe_calibration(scale=1e-4))
    nan = as_if_trained(SEED)
    nan.mask.set_weights([np.nan * w for w in nan.mask.get_weights()])
    forge("not-finite", "mask", "float32", network=nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GRAPHS, "mask", Permuted)
        forge("permuted", "mask", "int8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convert_module, "quantise", _integers)
        forge("integers", "waveform", "int8")
    write_list(out, {}, entries)
