from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep.presets import DEFAULT_PRESET, get_preset
from tests.support.runs import write_data, write_run
from training.__main__ import main

CURVE = "l_0 at 20, 40, 60, 80, 100 % of the steps"


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> list[Path]:
    root = tmp_path_factory.mktemp("runs")
    return [
        write_run(root / "first", "optimizer.total_steps=2"),
        write_run(root / "second", "optimizer.total_steps=4", "loss.compressed_weight=0.5"),
    ]


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A run of the stream format of the default preset."""
    spec = [f"spec.{name}={json.dumps(value)}" for name, value in get_preset(DEFAULT_PRESET).spec.to_dict().items()]
    return write_run(tmp_path_factory.mktemp("runs") / "wide", "optimizer.total_steps=2", *spec)


@pytest.fixture
def options(data, tmp_path) -> list[str]:
    return ["--data", str(data), "--cache", str(tmp_path / "cache")]


def table(capsys) -> list[list[str]]:
    """The cells that a command has printed: its heads, a rule, its rows."""
    return [[c.strip() for c in line.split("|")[1:-1]] for line in capsys.readouterr().out.splitlines()]


def numbers(cell: str) -> list[float]:
    return [float(x.replace("−", "-")) for x in cell.split("/")]


def test_a_row_for_each_run_says_what_differs(runs, options, capsys):
    assert main(["compare", *map(str, runs), *options]) == 0
    head, _, mixture, one, two = table(capsys)
    assert head[-3:] == ["valid_one V / A", "valid_two V / A", "mean V / A"]
    assert (mixture[0], one[0], two[0]) == ("mixture", "first", "second")
    vocals, accompaniment = numbers(mixture[-3])
    assert vocals == pytest.approx(-accompaniment, abs=0.02)  # each is the other's noise
    assert all(len(numbers(cell)) == 2 for row in (one, two) for cell in row[-3:])
    assert one[1].startswith("model.architecture=or_unet, model.size=tiny")
    assert two[1] == "loss.compressed_weight=0.5, optimizer.total_steps=4"
    steps = head.index("steps")
    assert (one[steps], two[steps]) == ("2", "4")
    assert one[head.index("validation: √")] == ""
    assert float(two[head.index("validation: √")]) > 0
    curve = [float(value) for value in two[head.index(CURVE)].split(", ")]
    assert curve == [0.5, 0.5, 0.5, 0.333, 0.333]  # of its two epochs


def test_songs_of_mono_stems_are_scored_too(runs, data, tmp_path, capsys):
    """A song of them, and one with a mono voice and a stereo accompaniment."""
    copy = tmp_path / "data"
    shutil.copytree(data / "valid", copy / "valid")
    for stem in ("valid_one/vocals", "valid_one/accompaniment", "valid_two/vocals"):
        path = copy / f"valid/songs/{stem}.wav"
        audio, rate = soundfile.read(path)
        soundfile.write(path, audio[:, 0], rate)
    options = ["--data", str(copy), "--cache", str(tmp_path / "cache")]
    assert main(["compare", str(runs[0]), *options]) == 0
    _, _, mixture, one = table(capsys)
    for row in (mixture, one):
        assert np.isfinite([numbers(cell) for cell in row[-3:]]).all()
    assert main(["alone", str(runs[0]), *options, "--split", "valid"]) == 0


@pytest.mark.whole_size
def test_a_preset_has_a_row_before_the_runs(wide, options, capsys):
    assert main(["compare", str(wide), *options, "--preset", DEFAULT_PRESET]) == 0
    head, _, mixture, preset, run = table(capsys)
    assert (mixture[0], preset[0], run[0]) == ("mixture", f"preset {DEFAULT_PRESET}", "wide")
    assert all(float(preset[head.index(f"validation: {loss}")]) > 0 for loss in ("l_0", "√"))
    assert preset[head.index(CURVE)] == ""
    assert all(len(numbers(cell)) == 2 for cell in preset[-3:])


def test_the_gap_has_a_row_for_each_origin(runs, options, capsys):
    run, more = runs[0], ["--frames", "8", "--count", "2"]
    assert main(["gap", str(run), *options, *more]) == 0
    head, _, *rows = table(capsys)
    assert head == ["voices", "music", "mixture V / A", "IRM1 V / A", f"{run} V / A"]
    assert len(rows) == 4 + 4 + 2  # two pools by two, and songs
    assert [row[:2] for row in rows[:2]] == [["train: voices", f"{x}: instrumentals"] for x in ("train", "valid")]
    for row in rows:  # none is better than the ideal mask
        mixture, ideal, found = (numbers(cell) for cell in row[2:])
        assert all(a > max(b, c) for a, b, c in zip(ideal, mixture, found, strict=True))
    assert main(["gap", "nothing", *options, *more]) == 1
    assert "Received: nothing" in capsys.readouterr().err


def test_the_gap_of_a_network_that_takes_other_lengths_is_refused(options, tmp_path, capsys):
    unet = write_run(tmp_path / "unet", name="paper/unet")
    assert main(["gap", str(unet), *options, "--frames", "7"]) == 1
    error = capsys.readouterr().err.splitlines()
    assert len(error) == 1
    assert re.fullmatch(rf"error: --frames: expected a multiple of \d+ for {unet}. Received: 7", error[0])


def test_each_term_of_the_loss_with_its_gradient(runs, options, tmp_path, capsys):
    teacher, more = write_run(tmp_path / "unet", name="paper/unet"), ["--frames", "8", "--count", "5"]
    assert main(["losses", str(runs[0]), "--teacher", str(teacher), *options, *more]) == 0
    _, _, first, *taps = table(capsys)
    assert [row[0] for row in taps] == ["down_1", "down_2", "down_3", "up_2", "up_1"]
    assert first[0] == "l_0"
    assert first[2:5] == ["1.000", "1.000", "1.00"]  # beside itself
    assert float(first[-1]) == pytest.approx(1, abs=0.03)  # each segment is divided by its mean
    for i, row in enumerate(taps):
        value, gradient = float(row[1]), float(row[2])
        assert value > 0
        assert gradient > 0
        # Of N = 3, as this U-Net has three taps in its encoder: 3/4, 2/4 and 1/4 of the weight of l_0.
        weighted = gradient * (0.75, 0.5, 0.25)[i] if i < 3 else None
        assert row[3] == "–" if weighted is None else float(row[3]) == pytest.approx(weighted, abs=1e-3)
        assert -1 <= float(row[4].replace("−", "-")) < 1
        assert sum(numbers(row[5])) == pytest.approx(100, abs=1)
    assert main(["losses", str(runs[0]), "--teacher", str(runs[1]), *options, *more]) == 1
    assert "--teacher: expected a run of a U-Net. Received:" in capsys.readouterr().err
    assert main(["losses", str(runs[0]), "--teacher", str(teacher), *options, "--frames", "12"]) == 1
    assert "--frames: expected a multiple of 8. Received: 12" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["compare", "gap"])
def test_networks_of_different_specs_are_not_put_side_by_side(runs, options, tmp_path, capsys, command):
    faster = write_run(tmp_path / "faster", "optimizer.total_steps=2", "spec.sample_rate=16000")
    assert main([command, str(runs[0]), str(faster), *options]) == 1
    message = f"error: expected networks of one spec. Received: {runs[0]} and {faster} with sample_rate=8000 and 16000"
    assert capsys.readouterr().err.splitlines() == [message]


def test_a_preset_of_another_spec_is_refused(runs, options, capsys):
    assert main(["compare", str(runs[0]), *options, "--preset", DEFAULT_PRESET]) == 1
    message = f"{runs[0]} and the preset {DEFAULT_PRESET} with sample_rate=8000 and 44100, frame_length=256 and 2048"
    assert message in capsys.readouterr().err


def test_a_former_name_of_a_preset_is_known(runs, options, tmp_path, capsys):
    teacher = write_run(tmp_path / "unet", name="paper/unet")
    for command in (["gap", str(runs[0]), "or-unet-df"], ["losses", "or-unet-df", "--teacher", str(teacher)]):
        assert main([*command, *options]) == 1
        warning, error = capsys.readouterr().err.splitlines()
        assert warning == "warning: the preset or-unet-df is called base now"
        assert re.match("error: expected networks of one spec.* base .*with sample_rate=", error)


def test_a_folder_that_is_no_run_is_named(tmp_path, capsys):
    assert main(["compare", str(tmp_path)]) == 1
    assert "expected a run folder" in capsys.readouterr().err


def test_a_preset_without_data_is_refused(runs, capsys):
    assert main(["compare", str(runs[0]), "--preset", DEFAULT_PRESET]) == 1
    message = f"error: --preset: expected --data with it. Received: --preset {DEFAULT_PRESET} alone"
    assert capsys.readouterr().err.splitlines() == [message]


def test_one_source_alone_stays_out_of_the_other_stem(tmp_path, capsys):
    """Of steady noise a trained model makes no voice; the tone is no singer, but no noise either."""
    data = write_data(tmp_path / "data", rate=44100)  # the model's: at 8 kHz there is no hiss
    options = ["--data", str(data), "--cache", str(tmp_path / "cache"), "--split", "valid"]
    assert main(["alone", DEFAULT_PRESET, *options]) == 0
    head, _, *rows = table(capsys)
    assert head == ["alone", "file", DEFAULT_PRESET]
    levels = {(row[0], row[1]): float(row[2].replace("−", "-")) for row in rows}
    assert len(levels) == 1 + 2 + 2 + 2  # an instrumental, two songs' two stems, two medians
    assert levels["accompaniment", "median of 3"] < -10
    assert levels["vocals", "median of 2"] < 3  # no stem is louder than the input
    assert main(["alone", "nothing", *options]) == 1
    assert "expected a run folder" in capsys.readouterr().err


def test_first_seconds_are_compared_with_those_of_a_cold_start(tmp_path, capsys):
    data = write_data(tmp_path / "data", rate=44100)
    options = ["--data", str(data), "--cache", str(tmp_path / "cache"), "--split", "valid"]
    assert main(["first-seconds", DEFAULT_PRESET, *options]) == 0
    head, _, *rows = table(capsys)
    assert head[2:4] == ["nothing", "digital silence"]
    assert [row[0] for row in rows] == [DEFAULT_PRESET] * len(rows)
    values = np.array([[float(cell.replace("−", "-")) for cell in row[2:]] for row in rows])
    assert rows[-1][1] == f"mean of {len(rows) - 1}"
    np.testing.assert_allclose(values[-1], values[:-1].mean(axis=0), atol=0.011)
    assert np.abs(values[:, 1:]).max() < 0.3  # how little depends on the weights; voices of tones are hardly found
    assert np.abs(values[:, 1:]).max() > 0  # what was before is heard


@pytest.mark.parametrize("command", ["alone", "first-seconds"])
def test_networks_of_other_sample_rates_are_not_put_side_by_side(runs, options, capsys, command):
    assert main([command, str(runs[0]), DEFAULT_PRESET, *options]) == 1
    message = "error: expected networks of one sample rate. Received: 8000 and 44100 Hz"
    assert capsys.readouterr().err.splitlines() == [message]
