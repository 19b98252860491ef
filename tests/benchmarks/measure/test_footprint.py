"""What a file takes: time to load, memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from benchmarks.measure import footprint as footprints
from benchmarks.measure import macs
from common.step_files import open_step
from keras_sep.metadata import FORMAT
from keras_sep.tflite.metadata import add_metadata
from tests.support.networks import SMALL_SPEC
from tests.support.paths import GOLDEN
from tests.support.tflite import module_to_tflite


def test_what_a_file_takes(models, monkeypatch):
    path = models / "small-waveform-float32.tflite"
    resident, now, loads = iter([100.0, 130.5]), iter([0.0, 1.0, 10.0, 13.0, 20.0, 22.0]), []
    monkeypatch.setattr(footprints, "resident_mb", lambda: next(resident))
    monkeypatch.setattr(footprints, "LOADS", 3)
    monkeypatch.setattr(footprints, "open_step", lambda file: loads.append(file) or open_step(file))
    monkeypatch.setattr(footprints.time, "perf_counter", lambda: next(now))
    found = footprints.footprint(str(path))
    assert found == {"load_ms": 2000.0, "rss_mb": 30.5, "macs": macs.multiplications(path)}
    assert loads == [path] * 4
    monkeypatch.setattr(footprints, "resident_mb", lambda: None)
    monkeypatch.setattr(footprints.time, "perf_counter", lambda: 0.0)
    assert footprints.footprint(str(path))["rss_mb"] is None


BUFFER_MB = 64  # more than what malloc may have kept from before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux says what is resident")
def test_memory_is_that_of_the_buffers_too(models, tmp_path):
    """A file of some kilobytes, each step of which fills a buffer of its own."""

    def step(inputs):
        x = inputs["magnitude"]
        copies = BUFFER_MB * 2**20 // (4 * SMALL_SPEC.num_bins * SMALL_SPEC.num_channels)
        mask = tf.reduce_max(tf.tile(x, [1, copies, 1, 1]), axis=1, keepdims=True)
        return {"vocals_mask": mask, "accompaniment_mask": 1 - mask, "new_state_0": 0.5 * inputs["state_0"]}

    shapes = {"magnitude": (1, 1, SMALL_SPEC.num_bins, SMALL_SPEC.num_channels), "state_0": (1, 4)}
    module = tf.Module()
    module.step = tf.function(step, [{name: tf.TensorSpec(shape, name=name) for name, shape in shapes.items()}])
    about = {"format": FORMAT, "graph": "mask", "precision": "float32", "spec": SMALL_SPEC.to_dict()}
    path = tmp_path / "wide.tflite"
    path.write_bytes(add_metadata(module_to_tflite(module), about))
    assert path.stat().st_size < 1e5
    wide, small = (footprints.footprint(str(p))["rss_mb"] for p in (path, models / "small-mask-float32.tflite"))
    assert wide == pytest.approx(BUFFER_MB, rel=0.25)
    assert small < BUFFER_MB / 4


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_a_network_that_sees_mid_and_side_has_a_footprint(graph):
    assert footprints.footprint(str(GOLDEN / f"views-{graph}-float32.tflite"))["macs"] > 0
