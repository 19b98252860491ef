from __future__ import annotations

import pytest

from keras_sep.presets import DEFAULT_PRESET
from tests.test_training import _config, data  # noqa: F401  # a fixture
from training.__main__ import main
from training.train import train


def test_a_row_for_each_run_says_what_differs(data, tmp_path, capsys):  # noqa: F811
    first, second = tmp_path / "first", tmp_path / "second"
    train(_config("total_steps=2"), data, first, cache=tmp_path / "cache")
    train(_config("total_steps=4", "complex_weight=0.5"), data, second, cache=tmp_path / "cache")
    arguments = ["compare", str(first), str(second), "--data", str(data), "--cache", str(tmp_path / "cache")]
    arguments += ["--preset", DEFAULT_PRESET]
    capsys.readouterr()
    assert main(arguments) == 0
    head, _, mixture, preset, one, two = (
        [c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()
    )
    assert head[-3:] == ["valid_one V / A", "valid_two V / A", "mean V / A"]
    assert (mixture[0], preset[0], one[0], two[0]) == ("mixture", f"preset {DEFAULT_PRESET}", "first", "second")
    assert all(float(preset[head.index(f"validation: {loss}")]) > 0 for loss in ("l_0", "√", "ℂ"))
    vocals, accompaniment = (float(x.replace("−", "-")) for x in mixture[-3].split("/"))
    assert vocals == pytest.approx(-accompaniment, abs=0.02)  # each is the other's noise
    assert one[1].startswith("architecture=or_unet, size=s")
    assert two[1] == "complex_weight=0.5, total_steps=4"
    steps = head.index("steps")
    assert one[steps] == "2"
    assert two[steps] in ("2", "4")
    assert one[head.index("validation: ℂ")] == ""
    curve = one[head.index("l_0 at 20, 40, 60, 80, 100 % of the steps")].split(", ")
    assert len(curve) == 5
    assert float(curve[-1]) > 0
    assert preset[head.index("l_0 at 20, 40, 60, 80, 100 % of the steps")] == ""
    assert float(two[head.index("validation: ℂ")]) > 0


def test_the_gap_has_a_row_for_each_origin(data, tmp_path, capsys):  # noqa: F811
    run = tmp_path / "run"
    train(_config("total_steps=2"), data, run, cache=tmp_path / "cache")
    capsys.readouterr()
    options = ["--data", str(data), "--cache", str(tmp_path / "cache"), "--frames", "8", "--count", "2"]
    assert main(["gap", str(run), *options]) == 0
    head, _, *rows = ([c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines())
    assert head == ["voices", "music", "mixture V / A", "IRM1 V / A", f"{run} V / A"]
    assert len(rows) == 4 + 4 + 2  # two pools by two, and songs
    assert [row[:2] for row in rows[:2]] == [["train: voices", f"{x}: instrumentals"] for x in ("train", "valid")]
    for row in rows:  # none is better than the ideal mask
        mixture, ideal, found = ([float(x.replace("−", "-")) for x in cell.split("/")] for cell in row[2:])
        assert all(a > max(b, c) for a, b, c in zip(ideal, mixture, found, strict=True))
    assert main(["gap", "nothing", *options]) == 1
    assert "Received: nothing" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_named(tmp_path, capsys):
    assert main(["compare", str(tmp_path)]) == 1
    assert "expected a run folder" in capsys.readouterr().err


def test_one_source_alone_stays_out_of_the_other_stem(data, tmp_path, capsys):  # noqa: F811
    """Of steady noise a trained model makes no voice; the tone is no singer, but no noise either."""
    options = ["--data", str(data), "--cache", str(tmp_path / "cache"), "--split", "valid"]
    assert main(["alone", DEFAULT_PRESET, *options]) == 0
    head, _, *rows = ([c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines())
    assert head == ["alone", "file", DEFAULT_PRESET]
    levels = {(row[0], row[1]): float(row[2].replace("−", "-")) for row in rows}
    assert len(levels) == 1 + 2 + 2 + 2  # an instrumental, two songs' two stems, two medians
    assert levels["accompaniment", "median of 3"] < -10
    assert levels["vocals", "median of 2"] < 3  # no stem is louder than what was heard
    assert main(["alone", "nothing", *options]) == 1
    assert "expected a run folder" in capsys.readouterr().err
