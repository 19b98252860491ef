from __future__ import annotations

import json

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter

from export import __main__ as cli
from export.accuracy.agreement import (
    MAX_ERROR,
    VerificationError,
    check_file,
    compare,
    keras_masks,
    probe_signal,
)
from export.conversion import convert as convert_module
from export.conversion import onnx_graph
from export.conversion.convert import _wanted, convert
from export.conversion.float_network import load_saved
from keras_sep import Separator
from keras_sep.errors import ModelFileError
from keras_sep.metadata import read_metadata
from keras_sep.models import BinMemoryUnet, Lstm
from keras_sep.presets import DEFAULT_PRESET, PREFERENCE, get_preset
from keras_sep.runtime import StepModel
from keras_sep.signal import OverlapAdd, StreamingStft
from keras_sep.store import ASSETS
from keras_sep.tflite.flatbuffer import pack, unpack
from keras_sep.tflite.graphs import GRAPHS, MaskCore
from keras_sep.tflite.metadata import add_metadata
from keras_sep.tflite.quantise import PRECISIONS
from tests.support.conversion import (
    KNOWN_OPS,
    PROVENANCE,
    Permuted,
    as_if_trained,
    entry,
    read_list,
    tflite_files,
)
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC, small_network

EXACT = ("float32", "dynamic_int8")


@pytest.fixture(scope="module")
def files(converted) -> dict:
    """Entries of the list, by graph and precision, and under "path" where the file is."""
    return {kind: {**file, "path": converted / file["file"]} for kind, file in tflite_files(converted).items()}


def test_four_files_by_default():
    options = [convert.__kwdefaults__[name] for name in ("graphs", "precisions", "formats")]
    assert set(_wanted(*options)) == {(g, p, "tflite") for g in ("mask", "waveform") for p in EXACT}


def test_the_summary_lists_what_is_there(converted):
    listed = {file["file"] for file in read_list(converted)["files"]}
    assert len(listed) == 2 * len(PRECISIONS) + 1  # one .onnx
    assert listed | {"small.json", "small.keras"} == {path.name for path in converted.iterdir()}


def test_metadata_says_what_the_file_is(files, small_model):
    for (graph, precision), file in files.items():
        metadata = read_metadata(file["path"].read_bytes())
        assert (metadata["graph"], metadata["precision"]) == (graph, precision)
        assert metadata["parameters"] == small_model.count_params()
        assert metadata["provenance"] == PROVENANCE


def test_builtin_ops_only(files):
    for precision in EXACT:
        for graph in ("mask", "waveform"):
            interpreter = Interpreter(model_path=str(files[graph, precision]["path"]))
            ops = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
            assert ops <= KNOWN_OPS


def test_names_in_the_signature_are_the_contract(files):
    names = {}
    for graph in ("mask", "waveform"):
        interpreter = Interpreter(model_path=str(files[graph, "float32"]["path"]))
        signature = interpreter.get_signature_list()["step"]
        names[graph] = set(signature["inputs"]), set(signature["outputs"])
    assert names["mask"] == (
        {"magnitude", "state_0"},
        {"vocals_mask", "accompaniment_mask", "new_state_0"},
    )
    assert names["waveform"] == (
        {"samples", "state_0", "state_samples", "state_overlap"},
        {"vocals", "accompaniment", "new_state_0", "new_state_samples", "new_state_overlap"},
    )


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_the_float32_file_is_keras(files, small_model, graph):
    """The whole path a user takes against the Keras sequence model between NumPy's STFT and overlap-add."""
    mixture = probe_signal(SMALL_SPEC, num_frames=60)
    spectrum = StreamingStft(SMALL_SPEC).push(mixture)
    mask = np.asarray(small_model(np.abs(spectrum)[None])["vocals_mask"][0])
    late = SMALL_SPEC.frame_length - SMALL_SPEC.frame_step
    expected = OverlapAdd(SMALL_SPEC).push(mask * spectrum)[late:]
    found = Separator(model=files[graph, "float32"]["path"]).separate(mixture, SMALL_SPEC.sample_rate)["vocals"]
    np.testing.assert_allclose(found[: len(expected)], expected, atol=1e-4)
    assert np.abs(found[1 : len(expected)] - expected[:-1]).max() > 1e-2  # a sample's shift is seen


def test_quantisation_is_small_and_is_there(files):
    for graph in ("mask", "waveform"):
        exact, quantised = (files[graph, precision]["agreement"]["snr_db"] for precision in EXACT)
        assert exact > 100
        assert 20 < quantised < exact - 10


def test_a_file_of_another_model_is_refused(files):
    other = as_if_trained(seed=5)
    with pytest.raises(VerificationError, match="largest error of at most"):
        check_file(files["mask", "float32"]["path"], other, "float32")
    with pytest.raises(VerificationError, match="dB SNR"):
        check_file(files["waveform", "dynamic_int8"]["path"], other, "dynamic_int8")


def test_a_dropped_state_is_refused(small_model, tmp_path, monkeypatch):
    class Forgetful(MaskCore):
        def _step(self, inputs):
            outputs = super()._step(inputs)
            return {**outputs, "new_state_0": outputs["new_state_0"] * 0.0}

    monkeypatch.setitem(GRAPHS, "mask", Forgetful)
    with pytest.raises(VerificationError):
        convert(small_model, tmp_path, "bad", graphs=("mask",), precisions=("float32",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow("converts a waveform graph")
def test_output_that_is_not_finite_is_refused(tmp_path):
    model = as_if_trained(seed=5)
    model.mask.set_weights([np.nan * w for w in model.mask.get_weights()])
    with pytest.raises(VerificationError, match="not finite"):
        convert(model, tmp_path, "bad", graphs=("waveform",), precisions=("float32",))
    assert list(tmp_path.iterdir()) == []


def test_compare_measures_what_it_says():
    expected, noisy = [np.ones((10, 2), np.float32)], [np.full((10, 2), 1.01, np.float32)]
    agreement = compare(expected, noisy, "dynamic_int8")
    assert agreement.max_error == pytest.approx(0.01, rel=1e-3)
    assert agreement.snr_db == pytest.approx(40, abs=0.01)
    with pytest.raises(VerificationError):
        compare(expected, [expected[0] + 2 * MAX_ERROR["float32"]], "float32")


def test_a_file_whose_tensors_do_not_fit_its_spec_is_refused(files, tmp_path):
    content = files["mask", "float32"]["path"].read_bytes()
    about = read_metadata(content)
    about.pop("sha256")
    # The first entry of the name counts, so give the file a fresh start without one.
    flat = unpack(content)
    flat.metadata = [other for other in flat.metadata if other.name != b"keras_sep"]
    plain = pack(flat)
    with pytest.raises(ModelFileError, match="without its spec"):
        read_metadata(plain)
    wrong = {**about, "spec": {**about["spec"], "fft_length": 512}}
    path = tmp_path / "wrong.tflite"
    path.write_bytes(add_metadata(plain, wrong))
    with pytest.raises(ModelFileError, match=r"'magnitude' of shape \(1, 1, 257, 2\).*\(1, 1, 129, 2\)"):
        StepModel(path)


# Precisions.


def test_every_graph_in_every_precision(files):
    assert set(files) == {(graph, precision) for graph in GRAPHS for precision in PRECISIONS}


def test_a_preset_may_hold_every_precision():
    assert set(PREFERENCE) == set(PRECISIONS)


def test_a_file_says_how_good_it_is(files):
    least = {"float32": 100, "float16": 50, "dynamic_int8": 20}
    for (_, precision), file in files.items():
        metadata = read_metadata(file["path"].read_bytes())
        assert metadata["agreement"] == file["agreement"]
        assert file["agreement"]["snr_db"] > least[precision]


def test_rounding_is_there(files):
    """Otherwise the table above would be one of float files."""
    for graph in GRAPHS:
        assert files[graph, "dynamic_int8"]["agreement"]["snr_db"] < files[graph, "float16"]["agreement"]["snr_db"] - 5
    tensors = Interpreter(model_path=str(files["mask", "dynamic_int8"]["path"])).get_tensor_details()
    assert sum(tensor["dtype"] == np.int8 for tensor in tensors) > 10


@pytest.mark.slow("quantises a network with memories")
def test_loudness_memories_and_shares_are_not_rounded(tmp_path):
    """The linear magnitude before and after the loudness, states of bins, the quotient of the masks; four views."""
    model = small_network(4, BinMemoryUnet, FOUR_VIEWS)
    for file in convert(model, tmp_path, "all", precisions=("dynamic_int8",)):
        assert file["agreement"]["snr_db"] > 30


@pytest.fixture
def instead(monkeypatch):
    """instead(content): what the conversion and the quantisation come to, whatever is converted."""

    def replace(content: bytes) -> None:
        monkeypatch.setattr(convert_module, "to_float32", lambda module: b"")
        monkeypatch.setattr(convert_module, "quantise", lambda *_: content)

    return replace


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("other-waveform", "dynamic_int8: expected at least .* dB SNR"),
        ("other-mask", "dynamic_int8: expected at least .* dB SNR"),
        ("not-finite", "not finite"),
    ],
)
def test_a_sabotaged_file_is_refused(sabotaged_files, small_model, name, message, tmp_path, instead):
    """Another network's; one whose outputs are NaN."""
    file = next(file for file in read_list(sabotaged_files)["files"] if file["file"] == f"{name}.tflite")
    instead((sabotaged_files / file["file"]).read_bytes())
    only = {"graphs": (file["graph"],), "precisions": (file["precision"],)}
    with pytest.raises(VerificationError, match=message):
        convert(small_model, tmp_path, "bad", **only)
    assert list(tmp_path.iterdir()) == []


def test_a_sound_file_in_8_bits_is_not_refused(converted, small_model, tmp_path, instead):
    """The same way for one that is as it should be: what is refused above is refused for what it is."""
    instead((converted / "small-mask-dynamic_int8.tflite").read_bytes())
    only = {"graphs": ("mask",), "precisions": ("dynamic_int8",)}
    (file,) = convert(small_model, tmp_path, "good", **only)
    assert file["agreement"] == tflite_files(converted)["mask", "dynamic_int8"]["agreement"]


@pytest.mark.slow("converts a network twice in float16")
def test_a_permuted_state_is_refused(tmp_path, monkeypatch):
    model = as_if_trained(seed=4)
    for variable in model.weights:  # much depends on the state
        factors = {"recurrent_kernel": 2, "gru": 10, "expand": 40}
        variable.assign(variable * next((f for name, f in factors.items() if name in variable.path), 1))
    only = {"graphs": ("mask",), "precisions": ("float16",)}
    convert(model, tmp_path, "good", **only)
    monkeypatch.setitem(GRAPHS, "mask", Permuted)
    with pytest.raises(VerificationError, match="float16: expected at least 45 dB"):
        convert(model, tmp_path, "bad", **only)


@pytest.mark.slow("converts an LSTM in two precisions")
def test_the_lstm_too(tmp_path):
    model = small_network(8, Lstm)
    files = convert(model, tmp_path, "lstm", precisions=("float16", "dynamic_int8"))
    assert len(files) == 4


def test_what_cannot_be_is_said(small_model, tmp_path, capsys):
    with pytest.raises(ValueError, match="nothing to write of mask in float32"):
        convert(small_model, tmp_path, "no", graphs=("mask",), precisions=("float32",), formats=())
    with pytest.raises(ValueError, match=r"the only \.onnx file"):
        convert(small_model, tmp_path, "no", graphs=("waveform",), formats=("onnx",))
    for option, value in (("precisions", "int4"), ("graphs", "masks"), ("formats", "pt")):
        assert cli.main(["convert", "run", "-o", "out", f"--{option}", value]) == 1
        assert f"--{option}: expected some of " in (said := capsys.readouterr().err)
        assert said.endswith(f". Received: {value}\n")
    assert cli.main(["convert", "run", "-o", "out", "--precisions", "int8"]) == 1
    assert f"expected some of {', '.join(PRECISIONS)}. Received: int8" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_8_bits_of_another_model_is_refused(files):
    with pytest.raises(VerificationError, match="dB SNR"):
        check_file(files["mask", "dynamic_int8"]["path"], as_if_trained(seed=6), "dynamic_int8")


# ONNX.


def test_onnx_is_keras_step_by_step(converted):
    file = entry(read_list(converted), "mask", "float32", ".onnx")
    assert file["file"] == "small-mask-float32.onnx"
    assert file["agreement"]["snr_db"] > 100
    path = converted / file["file"]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert {i.name for i in session.get_inputs()} == {"magnitude", "state_0"}
    assert {o.name for o in session.get_outputs()} == {"vocals_mask", "accompaniment_mask", "new_state_0"}
    about = json.loads(session.get_modelmeta().custom_metadata_map["keras_sep"])
    assert (about["graph"], about["precision"], about["agreement"]) == ("mask", "float32", file["agreement"])
    with pytest.raises(VerificationError):  # another model's
        onnx_graph.check(path.read_bytes(), as_if_trained(seed=6))


@pytest.mark.slow("converts a network with memories by tf2onnx")
def test_onnx_of_four_views(tmp_path):
    model = small_network(4, BinMemoryUnet, FOUR_VIEWS)
    (file,) = convert(model, tmp_path, "views", graphs=("mask",), precisions=("float32",), formats=("onnx",))
    assert file["agreement"]["snr_db"] > 100


# The shipped ones.


@pytest.mark.whole_size
def test_the_shipped_network_is_the_shipped_file():
    """The file is the first release's; the network has been brought into today's class, by `export migrate`."""
    network, provenance = load_saved(ASSETS / f"{DEFAULT_PRESET}.keras")
    assert (provenance["model"]["architecture"], provenance["model"]["size"]) == ("bin_memory_unet", "m")
    path = get_preset(DEFAULT_PRESET).file("mask", "float16").path()
    assert check_file(path, network, "float16").snr_db > 50


@pytest.mark.whole_size
def test_a_trained_network_finds_a_voice_in_the_probe():
    network, _ = load_saved(ASSETS / f"{DEFAULT_PRESET}.keras")
    spectrum = StreamingStft(network.spec).push(probe_signal(network.spec))
    for mask in keras_masks(network, spectrum):  # neither source is next to nothing
        assert np.sum(np.abs(mask * spectrum) ** 2) > 0.02 * np.sum(np.abs(spectrum) ** 2)
