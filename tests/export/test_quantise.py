"""Every precision and ONNX against Keras, on a small network. What is sabotaged must be refused."""

from __future__ import annotations

import json

import keras
import numpy as np
import onnxruntime
import pytest
import soundfile
import tensorflow as tf

from export import __main__ as cli
from export import calibration as calibration_module
from export import convert as convert_module
from export import onnx_graph
from export.calibration import read_calibration, step_inputs
from export.convert import convert
from export.graphs import GRAPHS, MaskCore
from export.quantise import PRECISIONS
from export.verification.agreement import VerificationError, check_file, probe_signal
from keras_sep.metadata import read_metadata
from keras_sep.models import build_lstm
from keras_sep.presets import PREFERENCE
from keras_sep.signal import StreamingStft
from keras_sep.streaming import build_step
from tests.support.conversion import KNOWN_OPS, Permuted, entry, probe_calibration, read_list, tflite_files
from tests.support.networks import SMALL_LSTM, SMALL_SPEC, as_if_trained

QUANTISED_OPS = KNOWN_OPS | {"QUANTIZE", "DEQUANTIZE"}


@pytest.fixture(scope="module")
def files(converted) -> dict:
    """Entries of the list, by graph and precision, and under "path" where the file is."""
    return {kind: {**file, "path": converted / file["file"]} for kind, file in tflite_files(converted).items()}


def details(path):
    interpreter = tf.lite.Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner("step")
    types = {
        detail["dtype"] for get in (runner.get_input_details, runner.get_output_details) for detail in get().values()
    }
    return {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}, types


def test_every_precision_but_the_one_that_would_round_the_stft(files):
    expected = {(graph, precision) for graph in GRAPHS for precision in PRECISIONS}
    assert set(files) == expected - {("waveform", "int16x8")}


def test_a_preset_may_hold_every_precision():
    assert set(PREFERENCE) == set(PRECISIONS)


def test_builtin_ops_and_float_ends(files):
    for file in files.values():
        ops, types = details(file["path"])
        assert ops <= QUANTISED_OPS
        assert types == {np.float32}


def test_a_file_says_how_good_it_is_and_what_calibrated_it(files):
    least = {"float32": 100, "float16": 50, "dynamic_int8": 20, "int8": 30, "int16x8": 35}
    for (_, precision), file in files.items():
        metadata = read_metadata(file["path"].read_bytes())
        assert metadata["agreement"] == file["agreement"]
        assert ("calibration" in metadata) == (precision in ("int8", "int16x8"))
        assert file["agreement"]["snr_db"] > least[precision]


def test_rounding_is_there(files):
    """Otherwise the table above would be one of float files."""
    for graph in GRAPHS:
        assert files[graph, "int8"]["agreement"]["snr_db"] < files[graph, "float16"]["agreement"]["snr_db"] - 5
    kinds = {}
    for precision, kind in (("int8", np.int8), ("int16x8", np.int16)):
        interpreter = tf.lite.Interpreter(model_path=str(files["mask", precision]["path"]))
        tensors = interpreter.get_tensor_details()
        kinds[precision] = sum(t["dtype"] == kind for t in tensors)
        root = next(t for t in tensors if t["name"].endswith("encoder_1/Sqrt"))
        assert root["dtype"] == np.float32
    assert min(kinds.values()) > 20


@pytest.mark.slow("quantises a network with memories twice")
def test_level_memories_and_shares_are_not_rounded(tmp_path):
    """The linear magnitude before and after the level, states of bins, the quotient of the masks."""
    options = {"recurrent_skips": (1,), "decoder_memories": (1,), "memory_units": 12}
    model = as_if_trained(seed=4, levelled=True, sum_to_one=True, **options)
    for name in ("skip_memory_1", "decoder_memory_1"):
        kernel = model.get_layer(name).dense.kernel
        kernel.assign(np.random.default_rng(4).normal(0, 1, kernel.shape))  # zeros: no memory
    wanted = {"graphs": ("mask",), "precisions": ("int8", "int16x8"), "calibration": probe_calibration()}
    for file in convert(model, SMALL_SPEC, tmp_path, "all", **wanted):
        assert file["agreement"]["snr_db"] > {"int8": 30, "int16x8": 35}[file["precision"]]


def test_a_quiet_waveform_is_not_lost(files, small_model):
    """The stems of an int8 file are float: in 8 bits, with ranges of loud music, soft music would be silence."""
    quiet = (1e-3 * probe_calibration().check).astype(np.float32)
    agreement = check_file(files["waveform", "int8"]["path"], small_model, SMALL_SPEC, "int8", quiet)
    assert agreement.snr_db > 25


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("integers", "int8: expected at least .* dB SNR"),
        ("wrong-calibration", "int8: expected at least .* dB SNR"),
        ("other-model", "int8: expected at least .* dB SNR"),
        ("not-finite", "not finite"),
    ],
)
def test_a_sabotaged_file_is_refused(sabotaged_files, small_model, name, message, tmp_path, monkeypatch):
    """A waveform graph in integers throughout; one calibrated with music that is too quiet; what is not the network."""
    file = next(file for file in read_list(sabotaged_files)["files"] if file["file"] == f"{name}.tflite")
    content = (sabotaged_files / file["file"]).read_bytes()
    monkeypatch.setattr(convert_module, "to_tflite", lambda *_: content)
    monkeypatch.setattr(convert_module.tf.saved_model, "save", lambda *_, **options: None)
    only = {"graphs": (file["graph"],), "precisions": (file["precision"],), "calibration": probe_calibration()}
    with pytest.raises(VerificationError, match=message):
        convert(small_model, SMALL_SPEC, tmp_path, "bad", **only)
    assert list(tmp_path.iterdir()) == []


def test_a_sound_int8_file_is_not_refused(converted, small_model, tmp_path, monkeypatch):
    """The same way for one that is as it should be: what is refused above is refused for what it is."""
    content = (converted / "small-mask-int8.tflite").read_bytes()
    monkeypatch.setattr(convert_module, "to_tflite", lambda *_: content)
    monkeypatch.setattr(convert_module.tf.saved_model, "save", lambda *_, **options: None)
    only = {"graphs": ("mask",), "precisions": ("int8",), "calibration": probe_calibration()}
    (file,) = convert(small_model, SMALL_SPEC, tmp_path, "good", **only)
    assert file["agreement"] == tflite_files(converted)["mask", "int8"]["agreement"]


@pytest.mark.slow("converts a network twice in float16")
def test_a_permuted_state_is_refused(tmp_path, monkeypatch):
    model = as_if_trained(seed=4)
    for variable in model.weights:  # much depends on the state
        factors = {"recurrent_kernel": 2, "gru": 10, "expand": 40}
        variable.assign(variable * next((f for name, f in factors.items() if name in variable.path), 1))
    only = {"graphs": ("mask",), "precisions": ("float16",)}
    convert(model, SMALL_SPEC, tmp_path, "good", **only)
    monkeypatch.setitem(GRAPHS, "mask", Permuted)
    with pytest.raises(VerificationError, match="float16: expected at least 45 dB"):
        convert(model, SMALL_SPEC, tmp_path, "bad", **only)


def test_calibration_states_are_those_of_the_stream(small_model):
    module = MaskCore(small_model, SMALL_SPEC)
    mixture = probe_signal(SMALL_SPEC, 20)
    inputs = list(step_inputs(module, [mixture, mixture]))
    assert len(inputs) == 2 * 3  # steps 0, 8, 16
    assert all(set(one) == {"magnitude", "state_0"} for one in inputs)
    step, state = build_step(small_model), np.zeros(inputs[0]["state_0"].shape, np.float32)
    for frame in np.abs(StreamingStft(SMALL_SPEC).push(mixture))[:8]:
        state = np.asarray(step({"magnitude": frame[None, None], "state_0": state})["new_state_0"])
    np.testing.assert_allclose(inputs[1]["state_0"], state, atol=1e-5)
    assert np.abs(state).max() > 1e-2
    assert not inputs[3]["state_0"].any()  # the second mixture starts from zero


@pytest.mark.slow("converts an LSTM in three precisions")
def test_the_lstm_too(tmp_path):
    keras.utils.set_random_seed(8)
    model = build_lstm(SMALL_LSTM, SMALL_SPEC)
    for variable in model.weights:
        if "recurrent_kernel" in variable.path:
            variable.assign(variable * 2)
    precisions = ("float16", "int8", "int16x8")
    files = convert(model, SMALL_SPEC, tmp_path, "lstm", precisions=precisions, calibration=probe_calibration())
    assert len(files) == 5


@pytest.fixture
def songs(tmp_path):
    for name in ("a", "b", "c"):
        folder = tmp_path / "train" / "songs" / name
        folder.mkdir(parents=True)
        for source in SMALL_SPEC.sources:
            wave = np.random.default_rng(len(name)).uniform(-0.1, 0.1, (9 * 44100, 2))
            soundfile.write(folder / f"{source}.wav", wave, 44100)
    return tmp_path


def test_calibration_is_read_from_the_middle_of_training_songs(songs):
    found = read_calibration(songs, SMALL_SPEC)
    assert len(found.mixtures) == 2
    assert len(found.check) == calibration_module.SECONDS * 44100
    assert found.about["songs"] == ["a", "b"]
    assert found.about["checked_on"] == "c"
    assert read_calibration(songs, SMALL_SPEC).about == found.about
    soundfile.write(songs / "train/songs/a/vocals.wav", np.zeros((9 * 44100, 2)), 44100)
    assert read_calibration(songs, SMALL_SPEC).about["sha256"] != found.about["sha256"]
    stem = songs / "train/songs/a/vocals.wav"
    soundfile.write(stem, np.zeros((9 * 48000, 2)), 48000)
    with pytest.raises(ValueError, match=r"expected 44100 Hz and 2 channels\. Received: 48000 Hz"):
        read_calibration(songs, SMALL_SPEC)
    stem.unlink()
    with pytest.raises(ValueError, match=r"one file vocals\.\*\. Received: 0"):
        read_calibration(songs, SMALL_SPEC)
    with pytest.raises(ValueError, match=r"two songs or more\. Received: 0"):
        read_calibration(songs / "train", SMALL_SPEC)


def test_what_cannot_be_is_said(small_model, tmp_path, capsys):
    model = small_model
    with pytest.raises(ValueError, match=r"int8: expected music .*--data"):
        convert(model, SMALL_SPEC, tmp_path, "no", precisions=("int8",))
    with pytest.raises(ValueError, match="nothing to write of waveform in int16x8"):
        convert(model, SMALL_SPEC, tmp_path, "no", graphs=("waveform",), precisions=("int16x8",))
    assert "left out: waveform in int16x8: the converter would round the STFT" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"the only \.onnx file"):
        convert(model, SMALL_SPEC, tmp_path, "no", graphs=("waveform",), formats=("onnx",))
    assert cli.main(["convert", "run", "-o", "out", "--precisions", "int4"]) == 1
    assert f"expected some of {', '.join(PRECISIONS)}. Received: int4" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


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
        onnx_graph.check(path.read_bytes(), as_if_trained(seed=6), SMALL_SPEC)


def test_int8_of_another_model_is_refused(files):
    with pytest.raises(VerificationError, match="dB SNR"):
        check_file(files["mask", "int8"]["path"], as_if_trained(seed=6), SMALL_SPEC, "int8", probe_calibration().check)
