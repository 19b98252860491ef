"""Which files are measured."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.measure import random_files
from benchmarks.measure.measured_files import converted as converted_files
from benchmarks.measure.step_inputs import step_inputs
from common.step_files import open_step
from keras_sep.models import BinMemoryUnet
from keras_sep.tflite.quantise import PRECISIONS
from tests.support.measured import SDR
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC


def test_files_are_those_of_the_lists_with_their_scores(models):
    files = converted_files(models)
    assert [file.label for file in files] == [
        "small (M mask float32)",
        "small (M mask float32, onnx)",
        "small (M waveform float32)",
    ]
    assert [file.sdr_db for file in files] == [SDR, {}, {}]
    assert files[0].step_ms == pytest.approx(64 / 44.1)
    assert not any(file.random for file in files)


def test_a_folder_that_cannot_be_measured_is_refused(models, tmp_path):
    with pytest.raises(ValueError, match=r"none: expected a folder"):
        converted_files(tmp_path / "none")
    (tmp_path / "other.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"expected <name>.json of `python -m export convert`"):
        converted_files(tmp_path)
    (tmp_path / "small.json").write_text((models / "small.json").read_text())
    with pytest.raises(ValueError, match=r"small-mask-float32.tflite: expected the file that small's list names"):
        converted_files(tmp_path)
    (tmp_path / "small-mask-float32.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match="SHA-256"):
        converted_files(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match=r"broken.json: expected JSON"):
        converted_files(tmp_path)


def test_every_size_can_be_asked_for():
    assert tuple(BinMemoryUnet.SIZES) == random_files.SIZES


@pytest.mark.slow("converts two graphs with memories")
def test_random_files_come_in_every_precision_there_is(tmp_path, monkeypatch):
    monkeypatch.setattr(random_files, "StreamSpec", lambda views: dataclasses.replace(SMALL_SPEC, views=views))
    (tmp_path / "random.json").write_text(json.dumps(random_files.convert_random("tiny", str(tmp_path))))
    files = converted_files(tmp_path)
    assert {(file.graph, file.precision) for file in files} == {
        (g, p) for g in ("mask", "waveform") for p in PRECISIONS
    }
    assert all(file.random and file.size == "tiny" for file in files)
    states = BinMemoryUnet("tiny", FOUR_VIEWS).state_sizes
    for file in files:
        step = open_step(file.path)
        assert step.spec == FOUR_VIEWS
        assert len(step.states()) == len(states) + (2 if step.graph == "waveform" else 0)
        x = step_inputs(step.graph, step.spec)[1000]
        assert np.isfinite(np.stack(step(x))).all()
