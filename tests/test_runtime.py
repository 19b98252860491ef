from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_sep.runtime import StepModel

UNIT = Path(__file__).parent / "golden" / "unit-mask-float32.tflite"


def test_a_step_and_its_shape():
    step = StepModel(UNIT)
    x = np.ones((step.spec.num_bins, step.spec.num_channels), np.float32)
    vocals, accompaniment = step(x)
    np.testing.assert_array_equal(vocals, np.ones_like(x))
    np.testing.assert_array_equal(accompaniment, 0.5 * x)
    with pytest.raises(ValueError, match=r"\(1025, 2\). Received: \(1, 2\)"):
        step(x[:1])


@pytest.mark.parametrize(
    ("missing", "used"),
    [
        ((), "ai_edge_litert"),
        (("ai_edge_litert", "tflite_runtime"), "tensorflow.lite"),
        (("ai_edge_litert", "tflite_runtime", "tensorflow"), "no TFLite runtime: `pip install ai-edge-litert`"),
    ],
)
def test_the_first_runtime_that_is_there_is_used(missing, used):
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({list(missing)!r}))\n"
        "from keras_sep.errors import ModelFileError\n"
        "from keras_sep.runtime import StepModel\n"
        f"try: print(type(StepModel({str(UNIT)!r})._interpreter).__module__)\n"
        "except ModelFileError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith(used)
