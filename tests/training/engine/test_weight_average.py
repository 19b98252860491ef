from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from common.runs import load_best
from export.conversion.convert import load_run
from tests.support.runs import manifest_row, tiny_config, write_run
from training.__main__ import main
from training.engine.training_run import train

SONG = manifest_row("train/songs/train_one/vocals.wav", song="train_one")


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    """Two runs that went on from one, with other recordings each."""
    root = tmp_path_factory.mktemp("runs")
    first, runs = write_run(root / "first", "optimizer.total_steps=2"), []
    for seed in (5, 6):
        own = manifest_row(f"train/voices/{seed}.wav")
        settings = ("optimizer.total_steps=3", f"model.init={first}", f"data.seed={seed}")
        runs.append(write_run(root / f"run_{seed}", *settings, manifest={"train": [SONG, own], "valid": []}))
    return runs


@pytest.fixture(scope="module")
def mean(runs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("mean") / "mean"
    assert main(["average", *map(str, runs), "--shares", "3", "1", "--out", str(out)]) == 0
    return out


def test_the_mean_of_runs_is_a_run(runs, mean):
    one, two, found = (load_best(run).get_weights() for run in (*runs, mean))
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(one, two, strict=True))
    for a, b, c in zip(one, two, found, strict=True):
        np.testing.assert_allclose(c, 0.75 * a + 0.25 * b, atol=1e-6)
    config = json.loads((mean / "config.json").read_text())
    assert [(x["run"], x["share"]) for x in config["average"]] == [(str(runs[0]), 0.75), (str(runs[1]), 0.25)]
    manifest = json.loads((mean / "manifest.json").read_text())
    paths = [row["path"] for row in manifest["train"]]
    assert paths == ["train/songs/train_one/vocals.wav", "train/voices/5.wav", "train/voices/6.wav"]
    assert {path.name for path in mean.iterdir()} == {"best.keras", "config.json", "manifest.json"}


def test_a_mean_is_compared_with_its_runs(runs, mean, data, tmp_path, capsys):
    assert main(["compare", str(runs[0]), str(mean), "--data", str(data), "--cache", str(tmp_path / "cache")]) == 0
    head, *_, row = ([c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines())
    assert row[:2] == ["mean", f"0.75 {runs[0]} + 0.25 {runs[1]}"]
    assert float(row[head.index("validation: l_0")]) > 0
    assert row[head.index("mean V / A")]
    assert main(["compare", str(runs[0]), str(mean)]) == 0  # without data, there is nothing to score it on
    head, *_, row = ([c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines())
    assert (row[0], len(row)) == ("mean", len(head))


def test_a_mean_can_be_exported(mean):
    network, provenance = load_run(mean)
    for a, b in zip(network.get_weights(), load_best(mean).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert [x["share"] for x in provenance["average"]] == [0.75, 0.25]
    assert provenance["trained_on"]
    assert "best_step" not in provenance


@pytest.mark.trains
def test_training_goes_on_from_a_mean(mean, data, tmp_path):
    assert train(tiny_config("optimizer.total_steps=2", f"model.init={mean}"), data, tmp_path / "on")


def test_what_has_no_mean_is_refused(runs, tmp_path, capsys):
    def message(*arguments: object) -> str:
        assert main(["average", *map(str, arguments)]) == 1
        return capsys.readouterr().err

    out = tmp_path / "mean"
    assert "two runs or more" in message(runs[0], "--out", out)
    assert "a share above 0 for each" in message(*runs, "--shares", 1, "--out", out)
    assert "a share above 0 for each" in message(*runs, "--shares", 1, 0, "--out", out)
    assert "a share above 0 for each" in message(*runs, "--shares", 1, "nan", "--out", out)
    assert "expected a run folder" in message(runs[0], tmp_path / "none", "--out", out)
    other = write_run(tmp_path / "lstm", "optimizer.total_steps=2", "model.architecture=lstm")
    assert "one architecture and size" in message(runs[0], other, "--out", out)
    faster = write_run(tmp_path / "faster", "optimizer.total_steps=2", "spec.sample_rate=16000")
    assert "one architecture and size" in message(runs[0], faster, "--out", out)
    assert not out.exists()
    assert "which exists" in message(*runs, "--out", runs[0])
