from __future__ import annotations

import json

import numpy as np
import pytest

from tests.test_training import _config, data  # noqa: F401  # a fixture
from training.__main__ import main
from training.runs import load_best
from training.train import train


@pytest.fixture
def runs(data, tmp_path):  # noqa: F811
    """Two runs that go on from one."""
    first = tmp_path / "first"
    train(_config("total_steps=2"), data, first, cache=tmp_path / "cache")
    for seed in (5, 6):
        config = _config("total_steps=3", f"init={first}", f"seed={seed}")
        train(config, data, tmp_path / f"run_{seed}", cache=tmp_path / "cache")
    return [tmp_path / "run_5", tmp_path / "run_6"]


def test_the_mean_of_runs_is_a_run_to_go_on_from(runs, data, tmp_path, capsys):  # noqa: F811
    out = tmp_path / "mean"
    assert main(["average", *map(str, runs), "--shares", "3", "1", "--out", str(out)]) == 0
    one, two, mean = (load_best(run)[0].get_weights() for run in (*runs, out))
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(one, two, strict=True))
    for a, b, found in zip(one, two, mean, strict=True):
        np.testing.assert_allclose(found, 0.75 * a + 0.25 * b, atol=1e-6)

    config = json.loads((out / "config.json").read_text())
    assert [(x["run"], x["share"]) for x in config["average"]] == [(str(runs[0]), 0.75), (str(runs[1]), 0.25)]
    manifest = json.loads((out / "manifest.json").read_text())
    assert {row["path"] for row in manifest["train"]} == {
        row["path"] for run in runs for row in json.loads((run / "manifest.json").read_text())["train"]
    }
    assert {path.name for path in out.iterdir()} == {"best.keras", "config.json", "manifest.json"}
    capsys.readouterr()
    assert main(["compare", str(runs[0]), str(out), "--data", str(data), "--cache", str(tmp_path / "cache")]) == 0
    head, *_, row = ([c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines())
    assert row[:2] == ["mean", f"0.75 {runs[0]} + 0.25 {runs[1]}"]
    assert float(row[head.index("validation: l_0")]) > 0
    assert row[head.index("mean V / A")]
    assert train(_config("total_steps=2", f"init={out}"), data, tmp_path / "on", cache=tmp_path / "cache")


def test_what_has_no_mean_is_refused(runs, data, tmp_path, capsys):  # noqa: F811
    def message(*arguments: object) -> str:
        assert main(["average", *map(str, arguments)]) == 1
        return capsys.readouterr().err

    out = tmp_path / "mean"
    assert "two runs or more" in message(runs[0], "--out", out)
    assert "a share above 0 for each" in message(*runs, "--shares", 1, "--out", out)
    assert "a share above 0 for each" in message(*runs, "--shares", 1, 0, "--out", out)
    assert "a share above 0 for each" in message(*runs, "--shares", 1, "nan", "--out", out)
    assert "expected a run folder" in message(runs[0], tmp_path / "none", "--out", out)
    other = tmp_path / "lstm"
    train(_config("total_steps=2", "architecture=lstm"), data, other, cache=tmp_path / "cache")
    capsys.readouterr()
    assert "one architecture and size" in message(runs[0], other, "--out", out)
    assert not out.exists()
    assert "which exists" in message(*runs, "--out", runs[0])
