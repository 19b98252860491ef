"""What is quantised of a file, and what is not."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from common.scores import snr_db
from keras_sep import list_presets
from keras_sep.tflite.flatbuffer import kind, unpack
from keras_sep.tflite.quantise import PRECISIONS, quantise
from tests.support.conversion import KNOWN_OPS
from tests.support.tflite import OPS, count, kinds, run_steps

TYPES = schema.TensorType
PRODUCTS = (OPS.CONV_2D, OPS.FULLY_CONNECTED)
KINDS = [("OrUnet", "waveform"), ("BinMemoryUnet", "mask"), ("BinMemoryUnet", "waveform")]
LEAST_DB = {"float16": 50, "dynamic_int8": 35}


@pytest.fixture(scope="module")
def quantised(float_files):
    """quantised(network, graph, precision) → a file's bytes, made once."""
    made: dict[tuple[str, str, str], bytes] = {}

    def make(network: str, graph: str, precision: str) -> bytes:
        key = network, graph, precision
        if key not in made:
            made[key] = quantise(float_files[network, graph], precision)
        return made[key]

    return make


def tensors_of(content: bytes, ops: tuple[int, ...]) -> list[tuple[str, list]]:
    """(name of the output, types of the input and of the kernel) of each op of these kinds."""
    model = unpack(content)
    (graph,) = model.subgraphs
    found = [op for op in graph.operators if kind(model, op) in ops]
    return [
        (graph.tensors[op.outputs[0]].name.decode(), [graph.tensors[op.inputs[i]].type for i in (0, 1)]) for op in found
    ]


@pytest.mark.parametrize(("network", "graph"), KINDS)
@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_builtin_ops_and_float_ends(quantised, network, graph, precision):
    content = quantised(network, graph, precision)
    known = {getattr(OPS, name) for name in (*KNOWN_OPS, "DEQUANTIZE")}
    assert kinds(content) <= known
    runner = Interpreter(model_content=content).get_signature_runner("step")
    for details in (runner.get_input_details(), runner.get_output_details()):
        assert {detail["dtype"] for detail in details.values()} == {np.float32}


@pytest.mark.parametrize(("network", "graph"), KINDS)
@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_a_quantised_file_is_near_the_float_one_and_another(float_files, quantised, network, graph, precision):
    """After thirty steps, states and all."""
    expected = run_steps(float_files[network, graph], 30)
    found = run_steps(quantised(network, graph, precision), 30)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert snr_db(value, found[name]) > LEAST_DB[precision], name
    heard = "vocals_mask" if graph == "mask" else "vocals"
    assert snr_db(expected[heard], found[heard]) < 100  # rounding is there: otherwise this would be about float files


def test_float32_has_the_same_bits(float_files):
    content = float_files["OrUnet", "mask"]
    expected, found = run_steps(content, 5), run_steps(quantise(content, "float32"), 5)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_products_with_weights_are_in_8_bits(quantised):
    found = tensors_of(quantised("BinMemoryUnet", "mask", "dynamic_int8"), PRODUCTS)
    assert len(found) == 17
    assert all(types == [TYPES.FLOAT32, TYPES.INT8] for _, types in found)


def test_the_inverse_transform_is_not_rounded(quantised):
    for precision in PRECISIONS[1:]:
        found = tensors_of(quantised("OrUnet", "waveform", precision), (OPS.FULLY_CONNECTED,))
        inverse = [types for name, types in found if "inverse_dft/" in name]
        assert inverse == [[TYPES.FLOAT32, TYPES.FLOAT32]] * 2
        assert len(found) > len(inverse)


def test_nothing_is_computed_that_nobody_reads(quantised):
    for network, graph in KINDS:
        model = unpack(quantised(network, graph, "dynamic_int8"))
        (subgraph,) = model.subgraphs
        read = {*subgraph.outputs, *(index for op in subgraph.operators for index in op.inputs)}
        for op in subgraph.operators:
            assert read.intersection(op.outputs), subgraph.tensors[op.outputs[0]].name


def versions(content: bytes) -> dict[int, set[int]]:
    """Versions of the products with 8-bit or 16-bit weights, and of what makes them floats, by kind of operator."""
    model = unpack(content)
    (graph,) = model.subgraphs
    found: dict[int, set[int]] = {}
    for op in graph.operators:
        if (found_kind := kind(model, op)) in (*PRODUCTS, OPS.DEQUANTIZE):
            kernel = graph.tensors[op.inputs[-1 if found_kind == OPS.DEQUANTIZE else 1]]
            if kernel.type != TYPES.FLOAT32:
                found.setdefault(found_kind, set()).add(model.operatorCodes[op.opcodeIndex].version)
    return found


@pytest.fixture(scope="module")
def by_tensorflow():
    """by_tensorflow(precision) → a file with both products, quantised by TensorFlow's own converter."""
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec((16, 64))])
    def products(x):
        x = tf.matmul(x, tf.ones((64, 64))) + 1.0  # smaller ones stay float
        return tf.nn.conv2d(x[tf.newaxis, tf.newaxis], tf.ones((1, 3, 64, 64)), 1, "SAME")

    def make(precision: str) -> bytes:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([products.get_concrete_function()])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16] if precision == "float16" else []
        return converter.convert()

    return make


@pytest.mark.parametrize("precision", ["float16", "dynamic_int8"])
def test_operators_have_tensorflows_versions_so_that_old_runtimes_refuse_them(quantised, by_tensorflow, precision):
    expected = versions(by_tensorflow(precision))
    assert expected.keys() == ({OPS.DEQUANTIZE} if precision == "float16" else set(PRODUCTS))
    for network, graph in KINDS:
        assert versions(quantised(network, graph, precision)) == expected


@pytest.mark.parametrize(
    "file", [file for preset in list_presets() for file in preset.files], ids=lambda file: file.file
)
def test_shipped_files_have_these_versions(file):
    expected = {"dynamic_int8": {OPS.CONV_2D: {5}, OPS.FULLY_CONNECTED: {12}}, "float16": {OPS.DEQUANTIZE: {3}}}
    assert versions(file.path().read_bytes()) == expected[file.precision]


def test_an_unknown_precision_is_refused(float_files):
    with pytest.raises(ValueError, match=r"quantise: expected one of float32, float16, dynamic_int8\. Received: int8"):
        quantise(float_files["OrUnet", "mask"], "int8")


def test_quantising_says_nothing(float_files, capfd):
    quantise(float_files["OrUnet", "mask"], "dynamic_int8")
    assert capfd.readouterr().out == ""


def test_float16_halves_the_weights(float_files, quantised):
    content = quantised("OrUnet", "mask", "float16")
    assert count(content, OPS.DEQUANTIZE) > 10
    types = [tensor.type for tensor in unpack(content).subgraphs[0].tensors]
    assert types.count(TYPES.FLOAT16) == count(content, OPS.DEQUANTIZE)
