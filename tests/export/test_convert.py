from __future__ import annotations

import flatbuffers
import keras
import numpy as np
import pytest
import tensorflow as tf

from export.convert import _wanted, add_metadata, convert
from export.graphs import GRAPHS, MaskCore
from export.network import load_saved
from export.verification.agreement import (
    MAX_ERROR,
    VerificationError,
    check_file,
    compare,
    keras_masks,
    probe_signal,
)
from keras_sep import Separator
from keras_sep.errors import ModelFileError
from keras_sep.metadata import read_metadata
from keras_sep.models import build_or_unet
from keras_sep.presets import ASSETS, DEFAULT_PRESET, get_preset
from keras_sep.runtime import StepModel
from keras_sep.signal import OverlapAdd, StreamingStft
from tests.support.conversion import KNOWN_OPS, PROVENANCE, read_list, tflite_files
from tests.support.networks import SMALL, SMALL_SPEC

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
    assert len(listed) == 10
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
            interpreter = tf.lite.Interpreter(model_path=str(files[graph, precision]["path"]))
            ops = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
            assert ops <= KNOWN_OPS


def test_names_in_the_signature_are_the_contract(files):
    names = {}
    for graph in ("mask", "waveform"):
        interpreter = tf.lite.Interpreter(model_path=str(files[graph, "float32"]["path"]))
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
    keras.utils.set_random_seed(5)
    other = build_or_unet(SMALL, SMALL_SPEC)
    with pytest.raises(VerificationError, match="largest error of at most"):
        check_file(files["mask", "float32"]["path"], other, SMALL_SPEC, "float32")
    with pytest.raises(VerificationError, match="dB SNR"):
        check_file(files["waveform", "dynamic_int8"]["path"], other, SMALL_SPEC, "dynamic_int8")


def test_a_dropped_state_is_refused(small_model, tmp_path, monkeypatch):
    class Forgetful(MaskCore):
        def _step(self, inputs):
            outputs = super()._step(inputs)
            return {**outputs, "new_state_0": outputs["new_state_0"] * 0.0}

    monkeypatch.setitem(GRAPHS, "mask", Forgetful)
    with pytest.raises(VerificationError):
        convert(small_model, SMALL_SPEC, tmp_path, "bad", graphs=("mask",), precisions=("float32",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow("converts a waveform graph")
def test_output_that_is_not_finite_is_refused(tmp_path):
    model = build_or_unet(SMALL, SMALL_SPEC)
    variable = next(v for v in model.weights if "mask_conv" in v.path)
    variable.assign(variable * np.nan)
    with pytest.raises(VerificationError, match="not finite"):
        convert(model, SMALL_SPEC, tmp_path, "bad", graphs=("waveform",), precisions=("float32",))
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
    from tensorflow.lite.python import schema_py_generated as schema

    flat = schema.ModelT.InitFromPackedBuf(content, 0)
    flat.metadata = [entry for entry in flat.metadata if entry.name != b"keras_sep"]
    builder = flatbuffers.Builder(len(content))
    builder.Finish(flat.Pack(builder), file_identifier=b"TFL3")
    plain = bytes(builder.Output())
    with pytest.raises(ModelFileError, match="without its spec"):
        read_metadata(plain)
    wrong = {**about, "spec": {**about["spec"], "fft_length": 512}}
    path = tmp_path / "wrong.tflite"
    path.write_bytes(add_metadata(plain, wrong))
    with pytest.raises(ModelFileError, match=r"'magnitude' of shape \(1, 1, 257, 2\).*\(1, 1, 129, 2\)"):
        StepModel(path)


@pytest.mark.whole_size
def test_the_shipped_network_is_the_shipped_file():
    network, spec, provenance = load_saved(ASSETS / f"{DEFAULT_PRESET}.keras")
    assert (provenance["architecture"], provenance["size"]) == ("or_unet_memories", "m")
    path = get_preset(DEFAULT_PRESET).file("mask", "float16").path()
    assert check_file(path, network, spec, "float16").snr_db > 50


@pytest.mark.whole_size
def test_a_trained_network_finds_a_voice_in_the_probe():
    network, spec, _ = load_saved(ASSETS / f"{DEFAULT_PRESET}.keras")
    spectrum = StreamingStft(spec).push(probe_signal(spec))
    for mask in keras_masks(network, spectrum, spec):  # neither source is next to nothing
        assert np.sum(np.abs(mask * spectrum) ** 2) > 0.02 * np.sum(np.abs(spectrum) ** 2)
