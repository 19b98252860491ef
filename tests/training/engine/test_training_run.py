"""Runs: what they keep, how they go on, and what is refused."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from common.exposure import TrainingExposure
from common.files import locked
from common.markdown import decibels
from common.runs import load_best, read_history
from keras_sep.models import build_network, load_network
from keras_sep.spec import StreamSpec
from tests.support.paths import CONFIGS, ROOT
from tests.support.runs import RATE, TINY_SPEC, manifest_row, options, settings, tiny_config, write_run
from training.__main__ import main
from training.commands.reproduction import METHODS
from training.engine.build import build
from training.engine.callbacks import RefuseVanishedRun
from training.engine.training_run import train
from training.evaluation.methods import of_run
from training.evaluation.songs import scored_songs

SPEC = StreamSpec(**TINY_SPEC)

# --- what a run keeps


def run_command(data: Path, run: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "training", "train", str(CONFIGS / "paper/or_unet.toml")]
    return [*command, "--data", str(data), "--out", str(run), *options(*more)]


@pytest.fixture(scope="module")
def undisturbed(data, once) -> Path:
    """A run of eight epochs that nothing interrupts."""
    return once("undisturbed", lambda run: train(tiny_config("optimizer.total_steps=16"), data, run))


@pytest.mark.trains
def test_a_run_keeps_what_made_it(undisturbed):
    run = undisturbed
    assert [row["step"] for row in read_history(run)] == [str(step) for step in range(2, 17, 2)]
    assert {"loss", "val_loss", "spectrogram_loss", "val_vocals_si_sdr", "data_wait"} <= set(read_history(run)[0])
    config = json.loads((run / "config.json").read_text())
    assert (config["data"]["seed"], config["dataset"]) == (1, "folder")
    manifest = json.loads((run / "manifest.json").read_text())
    assert {row["song"] for row in manifest["train"]} == {"", "train_one", "train_two"}
    assert set(json.loads((run / "constant_masks.json").read_text())) == {"0/0", "0.5/0.5", "1/1", "0/1"}
    assert any((run / "tensorboard").rglob("events.*"))
    for name in ("best.keras", "last.keras"):
        assert load_network(run / name).count_params() == build_network("or_unet", "tiny", SPEC).count_params()


def test_the_learning_rate_is_0_at_the_end_and_not_before():
    config = tiny_config("optimizer.total_steps=7", "data.steps_per_epoch=5")
    model = build(config, devices=1)
    rates = []
    for step in range(config.num_steps + 1):
        model.optimizer.iterations.assign(step)
        rates.append(float(model.optimizer.learning_rate))
    assert (len(rates), rates[0], rates[-1]) == (9, 0.0, pytest.approx(0.0, abs=1e-9))
    assert min(rates[1:-1]) > 1e-5


@pytest.mark.trains
def test_a_run_remembers_its_spec(undisturbed):
    assert json.loads((undisturbed / "config.json").read_text())["spec"] == SPEC.to_dict()
    assert load_best(undisturbed).spec == SPEC
    assert of_run(undisturbed).sample_rate == RATE  # at which `evaluate` scores it


@pytest.mark.trains
def test_runs_written_by_hand_are_like_real_ones(undisturbed, tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=16")
    real, ours = (json.loads((each / "config.json").read_text()) for each in (undisturbed, run))
    assert {**real, "commit": ""} == {**ours, "commit": ""}
    assert list(real) == list(ours)
    real, ours = (json.loads((each / "manifest.json").read_text()) for each in (undisturbed, run))
    assert real.keys() == ours.keys()
    assert list(real["train"][0]) == list(ours["train"][0])
    assert [list(row) for row in read_history(undisturbed)] == [list(row) for row in read_history(run)]
    assert [row["step"] for row in read_history(undisturbed)] == [row["step"] for row in read_history(run)]
    assert {path.name for path in run.iterdir()} <= {path.name for path in undisturbed.iterdir()}


def test_a_finished_run_is_left_alone(data, tmp_path, capsys):
    run = write_run(tmp_path / "run", "optimizer.total_steps=16")
    before = (run / "history.csv").read_text()
    assert train(tiny_config("optimizer.total_steps=16"), data, run)
    assert f"{run} is trained: nothing to do" in capsys.readouterr().out
    assert (run / "history.csv").read_text() == before


@pytest.mark.parametrize(
    ("setting", "differs"),
    [
        ("optimizer.total_steps=6", "optimizer.total_steps"),
        ("spec.sample_rate=16000", "spec.sample_rate"),
        ('spec.views=["left", "right", "mid", "side"]', "spec.views"),
        ("optimizer.name=adam", "optimizer.name"),
        ("mixing.floor=0.5", "mixing.floor"),
    ],
)
def test_a_folder_of_another_configuration_is_refused(data, tmp_path, capsys, setting, differs):
    run = write_run(tmp_path / "run", "optimizer.total_steps=16")
    assert main(run_command(data, run, "optimizer.total_steps=16", setting)[3:]) == 1
    message = f"error: {run} holds a run of another configuration (differs in {differs}): choose another folder"
    assert capsys.readouterr().err.splitlines() == [message]


def test_a_run_with_initial_weights_does_not_go_on_without_them(data, tmp_path, capsys):
    first = write_run(tmp_path / "first", "optimizer.total_steps=16")
    run = write_run(tmp_path / "run", "optimizer.total_steps=16", f"model.init={first}")
    assert main(run_command(data, run, "optimizer.total_steps=16")[3:]) == 1
    assert "another configuration (differs in init_sha256): choose another folder" in capsys.readouterr().err


# --- how a run goes on


@pytest.mark.trains
@pytest.mark.command
def test_a_killed_run_goes_on_as_if_nothing_had_happened(data, undisturbed, tmp_path):
    run = tmp_path / "run"
    command = run_command(data, run, "optimizer.total_steps=16")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while len(read_history(run)) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    before = len(read_history(run))
    assert before < 8
    # As if the kill had come between the row and its checkpoint, and in the middle of a line.
    with (run / "history.csv").open("a") as file:
        file.write("7,16,0.000e+00,1.0\n7,1")
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    # Steps, learning rates and losses of the whole run are those of a run without a kill.
    for row, expected in zip(read_history(run), read_history(undisturbed), strict=True):
        assert (row["step"], row["learning_rate"]) == (expected["step"], expected["learning_rate"])
        assert float(row["loss"]) == pytest.approx(float(expected["loss"]), abs=1e-4)
        assert float(row["val_loss"]) == pytest.approx(float(expected["val_loss"]), abs=1e-4)
    # Negative control: the losses of two epochs are further apart than that.
    losses = [float(row["loss"]) for row in read_history(run)]
    assert min(abs(np.diff(losses))) > 1e-4
    # Once more there is nothing to do, and another configuration is refused.
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
    other = subprocess.run([*command, "--set", "optimizer.total_steps=6"], capture_output=True, text=True, cwd=ROOT)
    assert other.returncode == 1
    assert "another configuration (differs in optimizer.total_steps)" in other.stderr


def test_a_run_that_another_process_trains_is_left_alone(data, tmp_path, capsys):
    run = tmp_path / "run"
    with locked(run, "train"):
        assert main(run_command(data, run, "optimizer.total_steps=2")[3:]) == 1
        assert [path.name for path in run.iterdir()] == [".lock"]
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"error: {run}: expected a folder that no other process writes to. Received: one that another"
    )


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    """A run of three epochs in one call."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert train(tiny_config("optimizer.total_steps=6"), data, run)
    return run


@pytest.fixture(scope="module")
def parts(data, tmp_path_factory) -> Path:
    """The same run, an epoch a call; first.weights.h5 is the checkpoint of the first."""
    run, finished = tmp_path_factory.mktemp("runs") / "parts", []
    for _ in range(3):
        finished.append(train(tiny_config("optimizer.total_steps=6"), data, run, max_minutes=1e-6))
        if len(finished) == 1:
            shutil.copy(run / "checkpoint.weights.h5", run / "first.weights.h5")
    assert finished == [False, False, True]
    return run


@pytest.mark.trains
def test_training_stops_in_time_and_goes_on(parts):
    assert [row["step"] for row in read_history(parts)] == ["2", "4", "6"]


@pytest.mark.trains
def test_muon_goes_on_with_its_momentum(whole, parts):
    """As a killed run does, but in one process, an epoch a call."""
    assert json.loads((whole / "config.json").read_text())["optimizer"]["name"] == "muon"
    for row, expected in zip(read_history(parts), read_history(whole), strict=True):
        assert float(row["loss"]) == pytest.approx(float(expected["loss"]), abs=1e-4)
        assert float(row["val_loss"]) == pytest.approx(float(expected["val_loss"]), abs=1e-4)


@pytest.mark.trains
def test_a_row_without_its_checkpoint_does_not_finish_a_run(data, parts, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(parts, run)
    # A kill between the last row and its checkpoint: last.keras is not there while a run goes on.
    (run / "first.weights.h5").replace(run / "checkpoint.weights.h5")
    (run / "last.keras").unlink()
    assert train(tiny_config("optimizer.total_steps=6"), data, run)
    assert [row["step"] for row in read_history(run)] == ["2", "4", "6"]


def test_a_checkpoint_that_cannot_be_read_is_named(data, tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=4", epochs=1)
    (run / "checkpoint.weights.h5").write_text("no checkpoint")
    (run / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"checkpoint\.weights\.h5: cannot be read .*delete it to train from"):
        train(tiny_config("optimizer.total_steps=4"), data, run)


def test_other_data_are_refused(data, tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=4", epochs=1)
    with pytest.raises(ValueError, match="was trained on other files"):
        train(tiny_config("optimizer.total_steps=4"), data, run)


# --- what is refused


def test_a_run_whose_folder_is_deleted_is_an_error(tmp_path):
    check = RefuseVanishedRun(tmp_path)
    with pytest.raises(ValueError, match=r"expected the folder of this run\. Received: none, it has been deleted"):
        check.on_epoch_end(0)
    (tmp_path / "config.json").touch()
    check.on_epoch_end(1)


def test_a_run_whose_place_another_has_taken_is_an_error(tmp_path):
    run = tmp_path / "run"
    with locked(run, "train") as lock:
        (run / "config.json").touch()
        RefuseVanishedRun(run, lock).on_epoch_end(0)
        shutil.rmtree(run)
        with locked(run, "train"):
            (run / "config.json").touch()
            with pytest.raises(ValueError, match="it has been deleted"):
                RefuseVanishedRun(run, lock).on_epoch_end(1)
    assert not (run / ".lock").exists()


@pytest.mark.trains
def test_a_diverged_run_is_an_error(data, tmp_path):
    with pytest.raises(ValueError, match="diverged by step 2"):
        train(
            tiny_config("optimizer.total_steps=4", "optimizer.learning_rate=1e30", "optimizer.clipnorm=1e30"),
            data,
            tmp_path / "run",
        )
    assert not (tmp_path / "run" / "best.keras").exists()


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("or_unet", "model.size=xl", "size must be one of tiny, s, m, l"),
        (
            "or_unet",
            "spec.frame_length=96 spec.frame_step=24 spec.fft_length=96",
            "3 levels need a number of bands div",
        ),
        ("or_unet", "spec.frame_length=200 spec.frame_step=50 spec.fft_length=200", "Received: num_bins=101"),
        ("unet", "data.segment_frames=100", "segment_frames must be a multiple of 8"),
    ],
)
def test_a_refused_run_leaves_its_folder_to_another(data, tmp_path, name, setting, message):
    with pytest.raises(ValueError, match=message):
        train(tiny_config("optimizer.total_steps=2", *setting.split(), name=f"paper/{name}"), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()
    assert not (tmp_path / "run" / "manifest.json").exists()


@pytest.fixture
def teacher(tmp_path) -> Path:
    """A run that has learned from the song train_one, under another name."""
    known = {"train": [manifest_row("train/songs/one/vocals.wav", song="train_one")], "valid": []}
    return write_run(tmp_path / "teacher", "optimizer.total_steps=2", name="paper/unet", manifest=known)


def test_what_the_teacher_learned_from_is_not_validated_on(data, teacher, tmp_path):
    swapped = tmp_path / "data"
    swapped.mkdir()
    for split, other in (("train", "valid"), ("valid", "train")):
        (swapped / split).symlink_to(data / other)
    config = tiny_config(
        "optimizer.total_steps=2", f"loss.teacher={teacher}", "loss.num_taps=3", name="paper/or_unet_df"
    )
    with pytest.raises(ValueError, match=r"validation: .*train_one"):
        train(config, swapped, tmp_path / "student")


@pytest.mark.trains
def test_what_the_teacher_was_trained_on_its_student_was_trained_on(data, teacher, tmp_path):
    config = tiny_config(
        "optimizer.total_steps=2", f"loss.teacher={teacher}", "loss.num_taps=3", name="paper/or_unet_df"
    )
    assert train(config, data, tmp_path / "student")
    with (
        pytest.raises(ValueError, match=r"the songs to score: .*train_one"),
        scored_songs(data, "train", RATE, exposure=TrainingExposure.of_run(tmp_path / "student")),
    ):
        pass


def test_a_song_in_both_parts_is_refused(data, tmp_path):
    leaky = with_a_song_in_both_parts(data, tmp_path)
    with pytest.raises(ValueError, match=r"validation: 1 of the songs were trained on.*valid_one"):
        train(tiny_config("optimizer.total_steps=2"), leaky, tmp_path / "run")


@pytest.mark.trains
def test_a_song_in_both_parts_may_be_left_out(data, tmp_path):
    leaky = with_a_song_in_both_parts(data, tmp_path)
    shutil.copytree(leaky / "valid/songs/valid_two", leaky / "train/songs/another name")
    shutil.copy(leaky / "valid/instrumentals/a.wav", leaky / "train/instrumentals/b.wav")
    assert train(tiny_config("optimizer.total_steps=2"), leaky, tmp_path / "run", exclude_shared=True)
    paths = [row["path"] for row in json.loads((tmp_path / "run/manifest.json").read_text())["train"]]
    assert {*paths} == {
        *(f"train/songs/train_{name}/{stem}.wav" for name in ("one", "two") for stem in ("vocals", "accompaniment")),
        *("train/voices/a.flac", "train/instrumentals/a.wav"),
    }


def with_a_song_in_both_parts(data: Path, tmp_path: Path) -> Path:
    leaky = tmp_path / "data"
    shutil.copytree(data, leaky)
    shutil.copytree(leaky / "valid/songs/valid_one", leaky / "train/songs/01 - Valid One")
    return leaky


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, r"--workers: expected a number of processes, or 0. Received: -1"),
        ({"devices": 2}, r"--devices: expected at most 1 .*Received: 2"),
        ({"devices": 3}, "divisor of batch_size=2"),
    ],
)
def test_workers_and_devices_that_cannot_be_are_named(data, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train(tiny_config("optimizer.total_steps=2"), data, tmp_path / "run", **options)


# --- ways to train


@pytest.mark.trains
def test_what_is_validated_and_kept_is_the_average(data, tmp_path):
    """With an average that forgets nothing, the best network stays close to the initial one."""
    kept = {}
    for momentum in ("0.0", "0.999999"):
        run = tmp_path / momentum
        config = tiny_config(
            "optimizer.total_steps=4",
            f"optimizer.ema_momentum={momentum}",
            "optimizer.learning_rate=0.05",
            "data.steps_per_epoch=4",
        )
        assert train(config, data, run)
        kept[momentum] = {
            name: np.concatenate([np.ravel(w.numpy()) for w in load_network(run / name).trainable_weights])
            for name in ("best.keras", "last.keras")
        }
    keras.utils.set_random_seed(1)
    network = build_network("or_unet", "tiny", SPEC)
    initial = np.concatenate([np.ravel(w.numpy()) for w in network.trainable_weights])
    first_step = 0.06  # Adam's first step is as long as the learning rate, and the average begins after it
    for name in ("best.keras", "last.keras"):
        assert np.abs(kept["0.999999"][name] - initial).max() < first_step
        assert np.abs(kept["0.0"][name] - initial).max() > 1.5 * first_step


@pytest.mark.trains
@pytest.mark.parametrize("setting", ["optimizer.name=adam", "loss.compressed_weight=1.0", "loss.snr_weight=0.1"])
@pytest.mark.parametrize("name", ["paper/or_unet", "shipped/base"])
def test_other_ways_to_train(data, tmp_path, name, setting):
    assert train(tiny_config("optimizer.total_steps=4", setting, name=name), data, tmp_path / "run")
    assert all(np.isfinite(weight).all() for weight in load_best(tmp_path / "run").get_weights())
    assert all(np.isfinite(float(row["loss"])) for row in read_history(tmp_path / "run"))


@pytest.mark.trains
def test_mixing_in_processes_trains_alike(data, tmp_path):
    alike = {}
    for workers in (0, 1):
        run = tmp_path / str(workers)
        assert train(tiny_config("optimizer.total_steps=2"), data, run, workers=workers)
        assert multiprocessing.active_children() == []
        alike[workers] = [float(row["loss"]) for row in read_history(run)] + load_best(run).get_weights()
    for a, b in zip(alike[0], alike[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)  # the same batches; sums may be in another order


@pytest.mark.trains
@pytest.mark.command
def test_the_papers_four_methods_by_one_command(data, tmp_path, capsys):
    out = tmp_path / "paper"
    # The smallest U-Net has three levels.
    settings = options("optimizer.total_steps=2", "loss.num_taps=2")
    command = ["run-paper", "--data", str(data), "--out", str(out), "--seeds", "2", *settings]
    result = subprocess.run([sys.executable, "-m", "training", *command], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    table = (out / "table_test.md").read_text()
    assert table.strip() in result.stdout
    rows = {line.split(" | ")[0]: line for line in table.splitlines()}
    assert {"| mixture", "| U-Net", "| LSTM", "| OR-U-Net", "| OR-U-Net_df"} <= set(rows)
    assert " | no | " in rows["| U-Net"]
    assert " | yes | " in rows["| OR-U-Net_df"]
    student = json.loads((out / "or_unet_df/config.json").read_text())
    assert len(student["teacher_sha256"]) == 64
    assert "feature_loss_down_2" in read_history(out / "or_unet_df")[0]
    for method in METHODS:  # trained and scored at one sample rate
        assert json.loads((out / method / "config.json").read_text())["spec"] == SPEC.to_dict()
    scores = json.loads((out / "scores/test/summary.json").read_text())["rows"]
    sdr = {row["row"]: row["scores"]["v4_active"]["vocals"]["SDR"]["mean_of_means"] for row in scores}
    one, other = sdr["or_unet"], sdr["or_unet_2"]
    assert abs(one - other) > 0.01  # another seed is another network
    assert f"({decibels((one + other) / 2)} ± {decibels(abs(one - other) / 2)})" in rows["| OR-U-Net"]
    assert "±" not in rows["| LSTM"]
    # Once more: nothing is trained or scored again.
    assert main(command) == 0
    assert capsys.readouterr().out.count("nothing to do") == 6


TWO_DEVICES = """
import sys
from pathlib import Path
if sys.argv[1] == "jax":
    sys.modules["tensorflow"] = None
else:
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from training.engine.config import TrainConfig
from training.engine.callbacks import RefuseVanishedRun
from training.engine.training_run import train
config = TrainConfig.load(Path(sys.argv[2]), sys.argv[5:])
for devices in (1, 2):
    run = Path(sys.argv[4]) / str(devices)
    assert train(config, Path(sys.argv[3]), run, devices=devices, workers=devices - 1)
"""


@pytest.mark.trains
@pytest.mark.command
@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_train_as_one(data, tmp_path, backend):
    if backend == "jax":
        pytest.importorskip("jax")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    code = [sys.executable, "-c", TWO_DEVICES, backend, str(CONFIGS / "paper/or_unet.toml"), str(data), str(tmp_path)]
    code += settings("optimizer.total_steps=4", "optimizer.clipnorm=100.0", "data.batch_size=4")
    result = subprocess.run(code, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stderr
    one, two = read_history(tmp_path / "1"), read_history(tmp_path / "2")
    assert [row["step"] for row in two] == ["2", "4"]
    for a, b in zip(one, two, strict=True):
        for name in ("loss", "val_loss"):
            assert float(a[name]) == pytest.approx(float(b[name]), abs=1e-4)
