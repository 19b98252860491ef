"""Networks of published separators: their sizes are the published ones, and their files are the networks."""

from __future__ import annotations

import itertools
import json
import os

import numpy as np
import pytest

from benchmarks.peers import open_unmix, separators
from benchmarks.peers.open_unmix import build_open_unmix
from benchmarks.peers.spleeter import build_spleeter
from keras_sep.tflite.converter import to_float32
from tests.support.tflite import run_steps


def published_spleeter() -> int:
    """Kernels and biases of the convolutions, four numbers a channel of each of eleven normalisations."""
    down, up = (2, 16, 32, 64, 128, 256, 512), (512, 256, 128, 64, 32, 16, 1)
    skipped = (0, 256, 128, 64, 32, 16)  # channels that a level gets beside those from below
    total = sum(25 * a * b + b for a, b in itertools.pairwise(down))
    total += sum(25 * (a + s) * b + b for a, b, s in zip(up, up[1:], skipped, strict=False))
    return total + 4 * (sum(down[1:-1]) + sum(up[1:])) + 16 * 1 * 2 + 2


def published_open_unmix() -> int:
    """Without PyTorch's second bias of a recurrent layer."""
    fully_connected = 2 * 1487 * 512 + 1024 * 512 + 512 * 2 * 2049
    recurrent = 3 * 2 * (4 * 256 * (512 + 256) + 4 * 256)
    normalisations = 4 * (512 + 512 + 2 * 2049)
    return fully_connected + recurrent + normalisations + 2 * 1487 + 2 * 2049


def test_spleeter_has_the_published_size():
    network = build_spleeter()
    assert network.count_params() == published_spleeter()
    assert 2 * network.count_params() == pytest.approx(19.6e6, rel=0.005)
    assert network.output_shape == (None, 512, 1024, 2)


def test_open_unmix_has_the_published_size():
    network = build_open_unmix()
    assert network.count_params() == published_open_unmix()
    assert network.count_params() == pytest.approx(8.9e6, rel=0.005)
    assert network.output_shape == (None, 128, 2, 2049)


def test_open_unmix_hears_the_future_and_the_past(monkeypatch):
    """And no bin above 16 kHz, but for the magnitude that its output multiplies."""
    monkeypatch.setattr(open_unmix, "FRAMES", 3)
    network = open_unmix.build_open_unmix()
    x = np.random.default_rng(0).random((1, 3, 2, 2049), np.float32)
    plain = np.asarray(network(x, training=False))
    for frame, first_bin, heard in ((0, 0, True), (2, 0, True), (0, 1487, False)):
        y = x.copy()
        y[0, frame, :, first_bin:] += 10
        change = np.abs(np.asarray(network(y, training=False)) - plain)[0, 1]
        assert (change.max() > 1e-4) == heard


@pytest.mark.whole_size
@pytest.mark.parametrize("build", [build_spleeter, build_open_unmix])
def test_the_file_is_the_network(build):
    network = build()
    found = run_steps(to_float32(separators.step_module(network)), 1)["estimate"]
    x = np.random.default_rng(3).uniform(0, 1, (1, *network.input_shape[1:])).astype(np.float32)
    np.testing.assert_allclose(found, network(x, training=False), atol=1e-4)
    assert np.std(found) > 1e-2


def test_files_are_made_once_for_each_version_of_the_networks(tmp_path, monkeypatch):
    made = []

    def convert(name, folder):
        made.append(name)
        (folder / f"{name}.tflite").write_bytes(b"TFL3")
        return [{"name": name, "file": f"{name}.tflite"}]

    monkeypatch.setattr(separators, "_convert", convert)
    first, second = (separators.convert_separators(str(tmp_path)) for _ in range(2))
    assert made == ["spleeter", "open_unmix"]
    assert first == second
    assert all(os.path.isfile(row["path"]) for row in first)
    (index,) = tmp_path.rglob("separators.json")
    index.parent.rename(tmp_path / "another-version")
    separators.convert_separators(str(tmp_path))
    assert len(made) == 4


def test_an_interrupted_conversion_is_begun_anew(tmp_path, monkeypatch):
    def interrupt(name, folder):
        raise KeyboardInterrupt

    monkeypatch.setattr(separators, "_convert", interrupt)
    with pytest.raises(KeyboardInterrupt):
        separators.convert_separators(str(tmp_path))
    monkeypatch.setattr(separators, "_convert", lambda name, folder: [{"name": name, "file": "x"}])
    assert [json.loads(path.read_text()) for path in tmp_path.rglob("*.json")] == []
    assert len(separators.convert_separators(str(tmp_path))) == 2
