"""Runs: what they keep, how they go on, what is refused; and their configurations."""

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

from keras_sep.models import build_network, load_network
from keras_sep.presets import DEFAULT_PRESET, get_preset, presets
from keras_sep.spec import StreamSpec
from tests.support.paths import CONFIGS, ROOT
from tests.support.runs import RATE, TINY_SPEC, history, manifest_row, options, settings, tiny_config, write_run
from training import callbacks
from training.__main__ import main
from training.config import TrainConfig
from training.evaluation.methods import of_run
from training.evaluation.songs import heard_by_run, scored_songs
from training.paper import METHODS
from training.runs import BEFORE, load_best
from training.train import build_separation, train
from training.waveforms import magnitudes_of

SPEC = StreamSpec(**TINY_SPEC)

# --- configurations


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_configurations(path):
    config = TrainConfig.load(path)
    assert config.size == "m"
    assert config.spec == StreamSpec()
    seconds = config.segment_frames * config.spec.frame_step / config.spec.sample_rate
    assert seconds >= (5 if path.stem in METHODS else 2)
    assert (config.num_taps == 4) == (path.stem == "or_unet_df")


def test_a_shipped_configuration_trains_what_the_default_is():
    """From random weights and without a teacher, so that anybody can."""
    preset = get_preset(DEFAULT_PRESET)
    shipped = [TrainConfig.load(path) for path in CONFIGS.glob("*.toml")]
    names = ("architecture", "size", "optimizer")
    alike = [config for config in shipped if all(getattr(config, n) == preset.provenance[n] for n in names)]
    assert any(not (config.init or config.teacher) and config.spec == preset.spec for config in alike)


@pytest.mark.parametrize("name", presets())
def test_what_a_preset_was_trained_with_is_a_configuration_still(name):
    preset, fields = get_preset(name), TrainConfig.load(CONFIGS / "or_unet.toml").to_dict()
    config = TrainConfig(**{key: {**BEFORE, **preset.provenance}[key] for key in fields if key != "spec"})
    assert config.spec == preset.spec


def test_overrides():
    assert TrainConfig.load(CONFIGS / "or_unet.toml", ["size=s", "learning_rate=1"]).learning_rate == 1.0
    spec = TrainConfig.load(CONFIGS / "or_unet.toml", ["spec.sample_rate=16000", "spec.num_channels=1"]).spec
    assert spec == StreamSpec(sample_rate=16000, num_channels=1)


def test_a_file_may_have_a_table_of_the_spec(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text((CONFIGS / "or_unet.toml").read_text() + "\n[spec]\nsample_rate = 16000\nframe_step = 256\n")
    assert TrainConfig.load(path).spec == StreamSpec(sample_rate=16000, frame_step=256)
    assert TrainConfig.load(path, ["spec.frame_step=512"]).spec == StreamSpec(sample_rate=16000)
    path.write_text("spec = 1\n" + (CONFIGS / "or_unet.toml").read_text())
    for overrides in ([], ["spec.sample_rate=8000"]):
        with pytest.raises(ValueError, match=r"configuration: spec must be a table\. Received: spec=1"):
            TrainConfig.load(path, overrides)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sise=m", "unknown keys \\['sise'\\]"),
        ("batch_size=0", "batch_size must be at least 1"),
        ("batch_size=two", "batch_size must be of type int"),
        ("licences=some", "licences"),
        ("seed", "expected key=value"),
        ("num_taps=2", "teacher must be a run folder"),
        ("teacher=runs/unet", 'teacher must be ""'),
        ("consecutive=3", "divisor of steps_per_epoch"),
        ("ema_momentum=1.0", "from 0 to below 1"),
        ("precision=float16", "one of float32, mixed_bfloat16"),
        ("optimizer=sgd", "one of adam, muon"),
        ("data_share=0.0", "above 0 up to 1"),
        ("spec.rate=8000", "\\[spec\\] has sample_rate, num_channels, .*Received: rate"),
        ("spec=8000", "spec must be a table. Received: spec=8000"),
        ("spec.sample_rate=100", "sample_rate must be from 8000"),
        ("spec.frame_step=500", "frame_step must be a divisor of frame_length"),
    ],
)
def test_a_wrong_setting_is_named(override, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.load(CONFIGS / "or_unet.toml", [override])


# --- what a run keeps


def run_command(data: Path, run: Path, *more: str) -> list[str]:
    command = [sys.executable, "-m", "training", "train", str(CONFIGS / "or_unet.toml")]
    return [*command, "--data", str(data), "--out", str(run), *options(*more)]


@pytest.fixture(scope="module")
def undisturbed(data, once) -> Path:
    """A run of eight epochs that nothing interrupts."""
    return once("undisturbed", lambda run: train(tiny_config("total_steps=16"), data, run))


@pytest.mark.trains
def test_a_run_keeps_what_made_it(undisturbed):
    run = undisturbed
    assert [row["step"] for row in history(run)] == [str(step) for step in range(2, 17, 2)]
    assert {"loss", "val_loss", "spectrogram_loss", "val_vocals_si_sdr", "data_wait"} <= set(history(run)[0])
    config = json.loads((run / "config.json").read_text())
    assert (config["seed"], config["dataset"]) == (1, "folder")
    manifest = json.loads((run / "manifest.json").read_text())
    assert {row["song"] for row in manifest["train"]} == {"", "train_one", "train_two"}
    assert set(json.loads((run / "constant_masks.json").read_text())) == {"0/0", "0.5/0.5", "1/1", "0/1"}
    assert any((run / "tensorboard").rglob("events.*"))
    for name in ("best.keras", "last.keras"):
        assert load_network(run / name).count_params() == build_network("or_unet", "tiny", SPEC).count_params()


@pytest.mark.trains
def test_a_run_remembers_its_spec(undisturbed):
    assert json.loads((undisturbed / "config.json").read_text())["spec"] == SPEC.to_dict()
    network, spec = load_best(undisturbed)
    assert spec == SPEC
    assert network.input_shape == (None, None, 129, 2)
    assert of_run(undisturbed).sample_rate == RATE  # at which `evaluate` scores it


@pytest.mark.trains
def test_runs_written_by_hand_are_like_real_ones(undisturbed, tmp_path):
    run = write_run(tmp_path / "run", "total_steps=16")
    real, ours = (json.loads((each / "config.json").read_text()) for each in (undisturbed, run))
    assert {**real, "commit": ""} == {**ours, "commit": ""}
    assert list(real) == list(ours)
    real, ours = (json.loads((each / "manifest.json").read_text()) for each in (undisturbed, run))
    assert real.keys() == ours.keys()
    assert list(real["train"][0]) == list(ours["train"][0])
    assert [list(row) for row in history(undisturbed)] == [list(row) for row in history(run)]
    assert [row["step"] for row in history(undisturbed)] == [row["step"] for row in history(run)]
    assert {path.name for path in run.iterdir()} <= {path.name for path in undisturbed.iterdir()}


def test_a_finished_run_is_left_alone(data, tmp_path, capsys):
    run = write_run(tmp_path / "run", "total_steps=16")
    before = (run / "history.csv").read_text()
    assert train(tiny_config("total_steps=16"), data, run)
    assert f"{run} is trained: nothing to do" in capsys.readouterr().out
    assert (run / "history.csv").read_text() == before


@pytest.mark.parametrize(
    ("setting", "differs"),
    [
        ("total_steps=6", "total_steps"),
        ("spec.sample_rate=16000", "spec"),
        ("spec.frame_step=32", "spec"),
        ("optimizer=adam", "optimizer"),
    ],
)
def test_a_folder_of_another_configuration_is_refused(data, tmp_path, capsys, setting, differs):
    run = write_run(tmp_path / "run", "total_steps=16")
    assert main(run_command(data, run, "total_steps=16", setting)[3:]) == 1
    message = f"error: {run} holds a run of another configuration (differs in {differs}): choose another folder"
    assert capsys.readouterr().err.splitlines() == [message]


def test_a_run_from_before_a_setting_goes_on(data, tmp_path):
    run = write_run(tmp_path / "run", "total_steps=4", "optimizer=adam")
    path = run / "config.json"
    facts = json.loads(path.read_text())
    assert (facts.pop("optimizer"), facts.pop("data_share")) == ("adam", 1.0)
    path.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="another configuration \\(differs in optimizer\\)"):
        train(tiny_config("total_steps=4", "optimizer=muon"), data, run)
    assert train(tiny_config("total_steps=4", "optimizer=adam"), data, run)


# --- how a run goes on


@pytest.mark.trains
@pytest.mark.command
def test_a_killed_run_goes_on_as_if_nothing_had_happened(data, undisturbed, tmp_path):
    run = tmp_path / "run"
    command = run_command(data, run, "total_steps=16")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while len(history(run)) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    before = len(history(run))
    assert before < 8
    # As if the kill had come between the row and its checkpoint, and in the middle of a line.
    with (run / "history.csv").open("a") as file:
        file.write("7,16,0.000e+00,1.0\n7,1")
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    # Steps, learning rates and losses of the whole run are those of a run without a kill.
    for row, expected in zip(history(run), history(undisturbed), strict=True):
        assert (row["step"], row["learning_rate"]) == (expected["step"], expected["learning_rate"])
        assert float(row["loss"]) == pytest.approx(float(expected["loss"]), abs=1e-4)
        assert float(row["val_loss"]) == pytest.approx(float(expected["val_loss"]), abs=1e-4)
    # Negative control: the losses of two epochs are further apart than that.
    losses = [float(row["loss"]) for row in history(run)]
    assert min(abs(np.diff(losses))) > 1e-4
    # Once more there is nothing to do, and another configuration is refused.
    again = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
    other = subprocess.run([*command, "--set", "total_steps=6"], capture_output=True, text=True, cwd=ROOT)
    assert other.returncode == 1
    assert "another configuration (differs in total_steps)" in other.stderr


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> Path:
    """A run of three epochs in one call."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    assert train(tiny_config("total_steps=6"), data, run)
    return run


@pytest.fixture(scope="module")
def parts(data, tmp_path_factory) -> Path:
    """The same run, an epoch a call; first.weights.h5 is the checkpoint of the first."""
    run, finished = tmp_path_factory.mktemp("runs") / "parts", []
    for _ in range(3):
        finished.append(train(tiny_config("total_steps=6"), data, run, max_minutes=1e-6))
        if len(finished) == 1:
            shutil.copy(run / "checkpoint.weights.h5", run / "first.weights.h5")
    assert finished == [False, False, True]
    return run


@pytest.mark.trains
def test_training_stops_in_time_and_goes_on(parts):
    assert [row["step"] for row in history(parts)] == ["2", "4", "6"]


@pytest.mark.trains
def test_muon_goes_on_with_its_momentum(whole, parts):
    """As a killed run does, but in one process, an epoch a call."""
    assert json.loads((whole / "config.json").read_text())["optimizer"] == "muon"
    for row, expected in zip(history(parts), history(whole), strict=True):
        assert float(row["loss"]) == pytest.approx(float(expected["loss"]), abs=1e-4)
        assert float(row["val_loss"]) == pytest.approx(float(expected["val_loss"]), abs=1e-4)


@pytest.mark.trains
def test_a_row_without_its_checkpoint_does_not_finish_a_run(data, parts, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(parts, run)
    # A kill between the last row and its checkpoint: last.keras is not there while a run goes on.
    (run / "first.weights.h5").replace(run / "checkpoint.weights.h5")
    (run / "last.keras").unlink()
    assert train(tiny_config("total_steps=6"), data, run)
    assert [row["step"] for row in history(run)] == ["2", "4", "6"]


def test_a_checkpoint_that_cannot_be_read_is_named(data, tmp_path):
    run = write_run(tmp_path / "run", "total_steps=4", epochs=1)
    (run / "checkpoint.weights.h5").write_text("no checkpoint")
    (run / "manifest.json").unlink()
    with pytest.raises(ValueError, match=r"checkpoint\.weights\.h5: cannot be read .*delete it to train from"):
        train(tiny_config("total_steps=4"), data, run)


def test_other_data_are_refused(data, tmp_path):
    run = write_run(tmp_path / "run", "total_steps=4", epochs=1)
    with pytest.raises(ValueError, match="was trained on other files"):
        train(tiny_config("total_steps=4"), data, run)


def test_early_stopping_looks_at_the_whole_run():
    rows = [{"val_loss": str(loss)} for loss in (3, 1, 2, 2)]
    assert not callbacks.stopped_early(rows, 0)
    assert not callbacks.stopped_early(rows[:2], 2)
    assert callbacks.stopped_early(rows, 2)
    assert not callbacks.stopped_early([*rows, {"val_loss": "0.5"}], 2)


# --- what is refused


@pytest.mark.trains
def test_a_diverged_run_is_an_error(data, tmp_path):
    with pytest.raises(ValueError, match="diverged by step 2"):
        train(tiny_config("total_steps=4", "learning_rate=1e30", "clipnorm=1e30"), data, tmp_path / "run")
    assert not (tmp_path / "run" / "best.keras").exists()


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("or_unet", "size=xl", "size must be one of tiny, s, m, l"),
        ("or_unet", "spec.frame_length=200 spec.frame_step=50 spec.fft_length=200", "3 levels need num_bins - 1"),
        ("unet", "segment_frames=100", "segment_frames must be a multiple of 8"),
        ("unet", "segment_frames=100 size=s", "segment_frames must be a multiple of 64"),
        ("unet", "segment_frames=64 consecutive=2", "consecutive must be 1 for the U-Net"),
    ],
)
def test_a_refused_run_leaves_its_folder_to_another(data, tmp_path, name, setting, message):
    with pytest.raises(ValueError, match=message):
        train(tiny_config("total_steps=2", *setting.split(), name=name), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()
    assert not (tmp_path / "run" / "manifest.json").exists()


@pytest.fixture
def teacher(tmp_path) -> Path:
    """A run that has learned from the song train_one, under another name."""
    heard = {"train": [manifest_row("train/songs/one/vocals.wav", song="train_one")], "valid": []}
    return write_run(tmp_path / "teacher", "total_steps=2", name="unet", manifest=heard)


def test_what_the_teacher_learned_from_is_not_validated_on(data, teacher, tmp_path):
    swapped = tmp_path / "data"
    swapped.mkdir()
    for split, other in (("train", "valid"), ("valid", "train")):
        (swapped / split).symlink_to(data / other)
    config = tiny_config("total_steps=2", f"teacher={teacher}", "num_taps=3", name="or_unet_df")
    with pytest.raises(ValueError, match=r"validation: .*train_one"):
        train(config, swapped, tmp_path / "student")


@pytest.mark.trains
def test_what_the_teacher_learned_from_its_student_has_heard(data, teacher, tmp_path):
    config = tiny_config("total_steps=2", f"teacher={teacher}", "num_taps=3", name="or_unet_df")
    assert train(config, data, tmp_path / "student")
    with (
        pytest.raises(ValueError, match=r"the songs to score: .*train_one"),
        scored_songs(data, "train", RATE, heard=heard_by_run(tmp_path / "student", "train")),
    ):
        pass


def test_a_song_in_both_parts_is_refused(data, tmp_path):
    leaky = with_a_song_in_both_parts(data, tmp_path)
    with pytest.raises(ValueError, match=r"validation: 1 of the songs were trained on.*valid_one"):
        train(tiny_config("total_steps=2"), leaky, tmp_path / "run")


@pytest.mark.trains
def test_a_song_in_both_parts_may_be_left_out(data, tmp_path):
    leaky = with_a_song_in_both_parts(data, tmp_path)
    assert train(tiny_config("total_steps=2"), leaky, tmp_path / "run", exclude_shared=True)
    assert "01 - Valid One" not in (tmp_path / "run/manifest.json").read_text()


def with_a_song_in_both_parts(data: Path, tmp_path: Path) -> Path:
    leaky = tmp_path / "data"
    shutil.copytree(data, leaky)
    shutil.copytree(leaky / "valid/songs/valid_one", leaky / "train/songs/01 - Valid One")
    return leaky


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, r"--workers: expected a number of processes, or 0. Received: -1"),
        ({"workers": 2, "devices": 2}, r"--workers: expected one device.*Received: --devices 2, consecutive=1"),
        ({"devices": 2}, r"--devices: expected at most 1 .*Received: 2"),
        ({"devices": 3}, "divisor of batch_size=2"),
    ],
)
def test_workers_and_devices_that_cannot_be_are_named(data, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train(tiny_config("total_steps=2"), data, tmp_path / "run", **options)


# --- ways to train


@pytest.mark.trains
def test_what_is_validated_and_kept_is_the_average(data, tmp_path):
    """With an average that forgets nothing, the best network stays close to the initial one."""
    kept = {}
    for momentum in ("0.0", "0.999999"):
        run = tmp_path / momentum
        config = tiny_config("total_steps=4", f"ema_momentum={momentum}", "learning_rate=0.05", "steps_per_epoch=4")
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
@pytest.mark.parametrize("setting", ["consecutive=2", "precision=mixed_bfloat16", "optimizer=adam"])
def test_other_ways_to_train(data, tmp_path, setting):
    assert train(tiny_config("total_steps=4", setting), data, tmp_path / "run")
    network, _ = load_best(tmp_path / "run")  # in float32, whatever it was trained in
    assert {variable.dtype for variable in network.weights} == {"float32"}
    assert network.compute_dtype == "float32"
    assert all(np.isfinite(float(row["loss"])) for row in history(tmp_path / "run"))


@pytest.mark.trains
def test_mixing_in_processes_trains_alike(data, tmp_path):
    alike = {}
    for workers in (0, 1):
        run = tmp_path / str(workers)
        assert train(tiny_config("total_steps=2"), data, run, workers=workers)
        assert multiprocessing.active_children() == []
        alike[workers] = [float(row["loss"]) for row in history(run)] + load_best(run)[0].get_weights()
    for a, b in zip(alike[0], alike[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_waveforms_are_trained_on_by_the_spec_of_the_configuration():
    """A step has the loss of one on their magnitudes; by the default spec there would be no frame of them."""
    config, losses, rng = tiny_config("total_steps=2"), [], np.random.default_rng(1)
    shape = (2, 3, SPEC.num_channels)  # segments; vocals, accompaniment and floor
    samples = 7 * SPEC.frame_step + SPEC.frame_length
    x = {
        "waveforms": rng.standard_normal((*shape, samples)).astype(np.float32),
        "curves": np.ones((*shape, SPEC.num_bins), np.float32),
    }
    for on_waveforms, data in ((True, (x,)), (False, magnitudes_of(x, SPEC))):
        keras.utils.set_random_seed(3)
        model = build_separation(config, config.spec, on_waveforms)
        model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
        losses.append(float(model.train_step(data)["loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    assert losses[0] > 0


@pytest.mark.trains
def test_a_share_of_the_data(data, tmp_path):
    assert train(tiny_config("total_steps=2", "data_share=0.5"), data, tmp_path / "run")
    rows = json.loads((tmp_path / "run/manifest.json").read_text())
    assert len({row["song"] for row in rows["train"]} - {""}) == 1
    assert len({row["song"] for row in rows["valid"]} - {""}) == 2
    # Of what there is one of, that one is left.
    assert {Path(row["path"]).parts[1] for row in rows["train"]} == {"songs", "voices", "instrumentals"}


@pytest.mark.trains
@pytest.mark.command
def test_the_papers_four_methods_by_one_command(data, tmp_path, capsys):
    out = tmp_path / "paper"
    # Four taps want a U-Net of four levels or more.
    settings = options("total_steps=2", "size=s", "segment_frames=64", "validation_segments=1", "batch_size=1")
    command = ["run-paper", "--data", str(data), "--out", str(out), *settings]
    result = subprocess.run([sys.executable, "-m", "training", *command], capture_output=True, text=True, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    table = (out / "table.md").read_text()
    assert table.strip() in result.stdout
    rows = {line.split(" | ")[0]: line for line in table.splitlines()}
    assert {"| mixture", "| U-Net", "| LSTM", "| OR-U-Net", "| OR-U-Net_df"} <= set(rows)
    assert " | no | " in rows["| U-Net"]
    assert " | yes | " in rows["| OR-U-Net_df"]
    student = json.loads((out / "or_unet_df/config.json").read_text())
    assert len(student["teacher_sha256"]) == 64
    assert "feature_loss_down_4" in history(out / "or_unet_df")[0]
    for method in METHODS:  # trained and scored at one sample rate
        assert json.loads((out / method / "config.json").read_text())["spec"] == SPEC.to_dict()
    # Once more: nothing is trained or scored again.
    assert main(command) == 0
    assert capsys.readouterr().out.count("nothing to do") == 4


TWO_DEVICES = """
import sys
from pathlib import Path
if sys.argv[1] == "jax":
    sys.modules["tensorflow"] = None
else:
    import tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from training.config import TrainConfig
from training.runs import load_best
from training.train import train
config = TrainConfig.load(Path(sys.argv[2]), sys.argv[5:])
for devices in (1, 2):
    assert train(config, Path(sys.argv[3]), Path(sys.argv[4]) / str(devices), devices=devices)
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
    code = [sys.executable, "-c", TWO_DEVICES, backend, str(CONFIGS / "or_unet.toml"), str(data), str(tmp_path)]
    code += settings("total_steps=4", "clipnorm=100.0", "batch_size=4")
    result = subprocess.run(code, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stderr
    one, two = history(tmp_path / "1"), history(tmp_path / "2")
    assert [row["step"] for row in two] == ["2", "4"]
    for a, b in zip(one, two, strict=True):
        for name in ("loss", "val_loss"):
            assert float(a[name]) == pytest.approx(float(b[name]), abs=1e-4)
