from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from keras_sep import runtime
from keras_sep.engine import build_engine
from keras_sep.errors import ModelFileError
from keras_sep.runtime import StepModel
from tests.support.paths import GOLDEN

UNIT = GOLDEN / "unit-mask-float32.tflite"
VIEWS = {graph: GOLDEN / f"views-{graph}-float32.tflite" for graph in ("mask", "waveform")}


def test_a_step_and_its_shape():
    step = StepModel(UNIT)
    x = np.ones((step.spec.num_bins, step.spec.num_channels), np.float32)
    vocals, accompaniment = step(x)
    np.testing.assert_array_equal(vocals, np.ones_like(x))
    np.testing.assert_array_equal(accompaniment, 0.5 * x)
    with pytest.raises(ValueError, match=r"\(1025, 2\). Received: \(1, 2\)"):
        step(x[:1])


def test_a_step_that_sees_mid_and_side():
    """Four views in, masks of two channels out; each view is heard."""
    step = StepModel(VIEWS["mask"])
    assert step.spec.views == ("left", "right", "mid", "side")
    x = np.random.default_rng(4).uniform(0, 100, (step.spec.num_bins, 4)).astype(np.float32)
    masks = np.stack(step(x))
    assert masks.shape == (2, step.spec.num_bins, 2)
    np.testing.assert_allclose(masks.sum(axis=0), 1, atol=1e-4)
    for view in range(4):
        changed = x.copy()
        changed[:, view] = x[::-1, view]
        step.reset()
        assert np.abs(np.stack(step(changed)) - masks).max() > 1e-4
    with pytest.raises(ValueError, match=r"\(1025, 4\). Received: \(1025, 2\)"):
        step(x[:, :2])


def test_the_waveform_graph_computes_the_views_itself(music):
    mask, waveform = (build_engine(StepModel(path)) for path in VIEWS.values())
    x = music(0.5)
    x = x[: len(x) // 512 * 512]
    stems, expected = (engine.synthesise(engine.infer(engine.analyse(x))) for engine in (waveform, mask))
    np.testing.assert_allclose(stems, expected, atol=1e-5)
    assert np.abs(stems[:, 1:] - expected[:, :-1]).max() > 1e-3  # a sample's shift is seen


@pytest.fixture
def choose(monkeypatch) -> Iterator[Callable[..., Any]]:
    """choose(missing, …) → the interpreter's class, chosen anew as if these packages were not installed."""

    def choose(*missing: str) -> Any:
        for name in missing:
            monkeypatch.setitem(sys.modules, name, None)
        runtime._interpreter_class.cache_clear()
        return runtime._interpreter_class()

    yield choose
    runtime._interpreter_class.cache_clear()


def test_the_first_runtime_that_is_there_is_used(choose):
    assert choose().__module__.startswith("ai_edge_litert")
    assert runtime.runtime_name().startswith("ai_edge_litert ")


def test_another_package_takes_its_place(choose, monkeypatch):
    class Interpreter:
        pass

    monkeypatch.setitem(sys.modules, "tflite_runtime", types.ModuleType("tflite_runtime"))
    other = types.ModuleType("tflite_runtime.interpreter")
    other.Interpreter = Interpreter
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", other)
    assert choose("ai_edge_litert", "ai_edge_litert.interpreter") is Interpreter


def test_without_a_runtime_it_says_what_to_install(choose):
    with pytest.raises(ModelFileError, match="no TFLite runtime: `pip install ai-edge-litert`"):
        choose(*runtime._INTERPRETERS)
    with pytest.raises(ModelFileError, match="no TFLite runtime"):
        StepModel(UNIT)


@pytest.mark.command
@pytest.mark.parametrize(
    ("missing", "used"),
    [
        ((), "ai_edge_litert"),
        (("ai_edge_litert", "tflite_runtime"), "tensorflow.lite"),
        (("ai_edge_litert", "tflite_runtime", "tensorflow"), "no TFLite runtime: `pip install ai-edge-litert`"),
    ],
)
def test_a_new_process_chooses_the_same(missing, used):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({list(missing)!r}))\n"
        "from keras_sep.errors import ModelFileError\n"
        "from keras_sep.runtime import StepModel\n"
        f"try: print(type(StepModel({str(UNIT)!r})._interpreter).__module__)\n"
        "except ModelFileError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(used)
