"""What comes out of TensorFlow's converter, and that nothing else knows of it."""

from __future__ import annotations

import pytest

from keras_sep.tflite.flatbuffer import unpack
from tests.support.conversion import KNOWN_OPS
from tests.support.paths import ROOT
from tests.support.tflite import OPS, kinds

# The tests' own files of other functions are made with it, too.
MAY_KNOW_TF_LITE = {
    "keras_sep/tflite/converter.py": "tf.lite.",
    "keras_sep/runtime.py": '"tensorflow.lite.python.interpreter"',
}


def test_tf_lite_is_known_to_one_module():
    """It is deprecated; the runtime's fallback is a name."""
    for folder in ("keras_sep", "common", "training", "export", "examples"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            allowed = MAY_KNOW_TF_LITE.get(path.relative_to(ROOT).as_posix(), "")
            rest = text.replace(allowed, "") if allowed else text
            for name in ("tf.lite", "tensorflow.lite", "from tensorflow import lite"):
                assert name not in rest, f"{path}: only keras_sep/tflite/converter.py knows {name}"


def test_the_module_that_may_know_it_does():
    for path, name in MAY_KNOW_TF_LITE.items():
        assert name in (ROOT / path).read_text(encoding="utf-8")


def test_builtin_ops_only(float_files):
    known = {getattr(OPS, name) for name in KNOWN_OPS}
    for content in float_files.values():
        assert kinds(content) <= known


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_a_file_has_one_signature(float_files, graph):
    model = unpack(float_files["OrUnet", graph])
    assert [signature.signatureKey for signature in model.signatureDefs] == [b"step"]
