from __future__ import annotations

import csv
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
import soundfile

from keras_sep.models import build_network, load_network
from keras_sep.presets import DEFAULT_PRESET, get_preset
from training import callbacks
from training.config import TrainConfig
from training.evaluation.songs import heard_by_run, scored_songs
from training.paper import METHODS
from training.runs import load_best
from training.train import train

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "training" / "configs"
RATE = 44100


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A small folder of stems: gliding tones as voices, noise as music, different in every file."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)

    def write(name: str, seconds: float, channels: int, voice: bool) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(int(seconds * RATE)) / RATE
        tone = np.sin(2 * np.pi * rng.uniform(200, 400) * time * (1 + 0.1 * time)) * (np.sin(2 * np.pi * time) > 0)
        x = tone if voice else rng.standard_normal(len(time))
        soundfile.write(path, 0.2 * np.repeat(x[:, None], channels, axis=1), RATE)

    for split in ("train", "valid", "test"):
        for song in ("one", "two"):
            write(f"{split}/songs/{split}_{song}/vocals.wav", 4, 2, True)
            write(f"{split}/songs/{split}_{song}/accompaniment.wav", 4, 2, False)
        if split != "test":
            write(f"{split}/voices/a.flac", 5, 1, True)
            write(f"{split}/instrumentals/a.wav", 5, 2, False)
    return root


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_shipped_configurations(path):
    config = TrainConfig.load(path)
    assert config.size == "m"
    assert config.segment_frames * 512 / RATE >= (5 if path.stem in METHODS else 2)
    assert (config.num_taps == 4) == (path.stem == "or_unet_df")


def test_the_defaults_recipe_is_a_configuration():
    """But for what goes on from there: more steps with other segments and the snr loss, at last with feature losses."""
    recipe = TrainConfig.load(CONFIGS / "or_unet_memories.toml").to_dict()
    last = ("init", "freeze_normalisation", "teacher", "num_taps", "learning_rate", "warmup_steps", "total_steps")
    provenance = get_preset(DEFAULT_PRESET).provenance
    differs = {name for name, value in recipe.items() if provenance[name] != value}
    assert differs == {*last, "steps_per_epoch", "mixing", "snr_weight", "seed"}


def test_overrides():
    assert TrainConfig.load(CONFIGS / "or_unet.toml", ["size=s", "learning_rate=1"]).learning_rate == 1.0


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
    ],
)
def test_a_wrong_setting_is_named(override, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.load(CONFIGS / "or_unet.toml", [override])


def _options(*settings: str) -> list[str]:
    fixed = ("size=s", "segment_frames=8", "batch_size=2", "steps_per_epoch=2", "validation_segments=2")
    return [part for setting in (*fixed, "warmup_steps=1", *settings) for part in ("--set", setting)]


def _command(data: Path, run: Path, *settings: str, config: str = "or_unet") -> list[str]:
    path = CONFIGS / f"{config}.toml"
    command = [sys.executable, "-m", "training", "train", str(path), "--data", str(data), "--out", str(run)]
    return command + _options(*settings)


def _train(data: Path, run: Path, *settings: str, config: str = "or_unet") -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(data, run, *settings, config=config), capture_output=True, text=True, cwd=ROOT)


def _history(run: Path) -> list[dict[str, str]]:
    path = run / "history.csv"
    return list(csv.DictReader(path.open())) if path.exists() else []


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory) -> Path:
    """A run that nothing interrupts."""
    run = tmp_path_factory.mktemp("runs") / "undisturbed"
    result = _train(data, run, "total_steps=16")
    assert result.returncode == 0, result.stderr
    return run


def test_a_run_keeps_what_made_it(data, undisturbed):
    run = undisturbed
    history = (run / "history.csv").read_text()
    assert [row["step"] for row in _history(run)] == [str(step) for step in range(2, 17, 2)]
    assert {"loss", "val_loss", "spectrogram_loss", "val_vocals_si_sdr", "data_wait"} <= set(_history(run)[0])
    config = json.loads((run / "config.json").read_text())
    assert (config["seed"], config["dataset"]) == (1, "folder")
    manifest = json.loads((run / "manifest.json").read_text())
    assert {row["song"] for row in manifest["train"]} == {"", "train_one", "train_two"}
    assert set(json.loads((run / "constant_masks.json").read_text())) == {"0/0", "0.5/0.5", "1/1", "0/1"}
    assert any((run / "tensorboard").rglob("events.*"))
    for name in ("best.keras", "last.keras"):
        assert load_network(run / name).count_params() > 5e5
    again = _train(data, run, "total_steps=16")
    assert "nothing to do" in again.stdout
    assert (run / "history.csv").read_text() == history
    other = _train(data, run, "total_steps=6")
    assert other.returncode == 1
    assert "another configuration (differs in total_steps)" in other.stderr


def test_a_killed_run_goes_on_as_if_nothing_had_happened(data, undisturbed, tmp_path):
    run = tmp_path / "run"
    with subprocess.Popen(
        _command(data, run, "total_steps=16"), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while len(_history(run)) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    before = len(_history(run))
    assert before < 8
    # As if the kill had come between the row and its checkpoint, and in the middle of a line.
    with (run / "history.csv").open("a") as file:
        file.write("7,16,0.000e+00,1.0\n7,1")
    result = _train(data, run, "total_steps=16")
    assert result.returncode == 0, result.stderr
    # Steps, learning rates and losses of the whole run are those of a run without a kill.
    for row, expected in zip(_history(run), _history(undisturbed), strict=True):
        assert (row["step"], row["learning_rate"]) == (expected["step"], expected["learning_rate"])
        assert float(row["loss"]) == pytest.approx(float(expected["loss"]), abs=1e-4)
        assert float(row["val_loss"]) == pytest.approx(float(expected["val_loss"]), abs=1e-4)
    # Negative control: the losses of two epochs are further apart than that.
    losses = [float(row["loss"]) for row in _history(run)]
    assert min(abs(np.diff(losses))) > 1e-4


def test_training_stops_in_time_and_goes_on(data, tmp_path):
    config, run = TrainConfig.load(CONFIGS / "or_unet.toml", _options("total_steps=6")[1::2]), tmp_path / "run"
    finished = [train(config, data, run, max_minutes=1e-6) for _ in range(3)]
    assert finished == [False, False, True]  # an epoch each time
    assert [row["step"] for row in _history(run)] == ["2", "4", "6"]


def test_muon_goes_on_with_its_momentum(data, tmp_path):
    """As a killed run does, but in one process, an epoch a call."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    config = _config("total_steps=4", "optimizer=muon")
    assert train(config, data, whole)
    assert [train(config, data, parts, max_minutes=1e-6) for _ in range(2)] == [False, True]
    for row, expected in zip(_history(parts), _history(whole), strict=True):
        assert float(row["loss"]) == pytest.approx(float(expected["loss"]), abs=1e-4)
        assert float(row["val_loss"]) == pytest.approx(float(expected["val_loss"]), abs=1e-4)


def test_a_run_from_before_a_setting_goes_on(data, tmp_path):
    run, path = tmp_path / "run", tmp_path / "run/config.json"
    assert not train(_config("total_steps=4", "optimizer=adam"), data, run, max_minutes=1e-6)
    facts = json.loads(path.read_text())
    assert (facts.pop("optimizer"), facts.pop("data_share")) == ("adam", 1.0)
    path.write_text(json.dumps(facts))
    with pytest.raises(ValueError, match="another configuration \\(differs in optimizer\\)"):
        train(_config("total_steps=4", "optimizer=muon"), data, run)
    assert train(_config("total_steps=4", "optimizer=adam"), data, run)


def _config(*settings: str, name: str = "or_unet") -> TrainConfig:
    return TrainConfig.load(CONFIGS / f"{name}.toml", _options(*settings)[1::2])


def test_a_row_without_its_checkpoint_does_not_finish_a_run(data, tmp_path):
    config, run = _config("total_steps=4"), tmp_path / "run"
    assert not train(config, data, run, max_minutes=1e-6)
    done = (run / "checkpoint.weights.h5").read_bytes()
    assert train(config, data, run)
    # A kill between the last row and its checkpoint: last.keras is not there while a run goes on.
    (run / "checkpoint.weights.h5").write_bytes(done)
    (run / "last.keras").unlink()
    assert train(config, data, run)
    assert [row["step"] for row in _history(run)] == ["2", "4"]


def test_a_diverged_run_is_an_error(data, tmp_path):
    with pytest.raises(ValueError, match="diverged by step 2"):
        train(_config("total_steps=4", "learning_rate=1e30", "clipnorm=1e30"), data, tmp_path / "run")
    assert not (tmp_path / "run" / "best.keras").exists()


@pytest.mark.parametrize(
    ("name", "setting", "message"),
    [
        ("or_unet", "size=xl", "size must be one of s, m, l"),
        ("unet", "segment_frames=100", "segment_frames must be a multiple of 64"),
        ("unet", "segment_frames=64 consecutive=2", "consecutive must be 1 for the U-Net"),
    ],
)
def test_a_refused_run_leaves_its_folder_to_another(data, tmp_path, name, setting, message):
    with pytest.raises(ValueError, match=message):
        train(_config("total_steps=2", *setting.split(), name=name), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_what_the_teacher_learned_from_is_not_validated_on(data, tmp_path):
    teacher = tmp_path / "teacher"
    assert train(_config("total_steps=2", "segment_frames=64", name="unet"), data, teacher)
    swapped = tmp_path / "data"
    swapped.mkdir()
    for split, other in (("train", "valid"), ("valid", "train")):
        (swapped / split).symlink_to(data / other)
    config = _config("total_steps=2", f"teacher={teacher}", name="or_unet_df")
    with pytest.raises(ValueError, match=r"validation: .*train_one"):
        train(config, swapped, tmp_path / "student")
    assert train(config, data, tmp_path / "student")
    with (
        pytest.raises(ValueError, match=r"the songs to score: .*train_one"),
        scored_songs(data, "train", RATE, heard=heard_by_run(tmp_path / "student", "train")),
    ):
        pass


def test_early_stopping_looks_at_the_whole_run():
    rows = [{"val_loss": str(loss)} for loss in (3, 1, 2, 2)]
    assert not callbacks.stopped_early(rows, 0)
    assert not callbacks.stopped_early(rows[:2], 2)
    assert callbacks.stopped_early(rows, 2)
    assert not callbacks.stopped_early([*rows, {"val_loss": "0.5"}], 2)


def test_what_is_validated_and_kept_is_the_average(data, tmp_path):
    """With an average that forgets nothing, the best network stays close to the initial one."""
    kept = {}
    for momentum in ("0.0", "0.999999"):
        run = tmp_path / momentum
        settings = ("total_steps=4", f"ema_momentum={momentum}", "learning_rate=0.05", "steps_per_epoch=4")
        config = TrainConfig.load(CONFIGS / "or_unet.toml", _options(*settings)[1::2])
        assert train(config, data, run)
        kept[momentum] = {
            name: np.concatenate([np.ravel(w.numpy()) for w in load_network(run / name).trainable_weights])
            for name in ("best.keras", "last.keras")
        }
    keras.utils.set_random_seed(1)
    initial = np.concatenate([np.ravel(w.numpy()) for w in build_network("or_unet", "s").trainable_weights])
    first_step = 0.06  # Adam's first step is as long as the learning rate, and the average begins after it
    for name in ("best.keras", "last.keras"):
        assert np.abs(kept["0.999999"][name] - initial).max() < first_step
        assert np.abs(kept["0.0"][name] - initial).max() > 1.5 * first_step


def test_a_song_in_both_parts_is_refused_or_left_out(data, tmp_path):
    leaky = tmp_path / "data"
    shutil.copytree(data, leaky)
    shutil.copytree(leaky / "valid/songs/valid_one", leaky / "train/songs/01 - Valid One")
    config = TrainConfig.load(CONFIGS / "or_unet.toml", _options("total_steps=2")[1::2])
    with pytest.raises(ValueError, match=r"validation: 1 of the songs were trained on.*valid_one"):
        train(config, leaky, tmp_path / "run")
    assert train(config, leaky, tmp_path / "run", exclude_shared=True)
    assert "01 - Valid One" not in (tmp_path / "run/manifest.json").read_text()


@pytest.mark.parametrize("setting", ["consecutive=2", "precision=mixed_bfloat16", "optimizer=adam"])
def test_other_ways_to_train(data, tmp_path, setting):
    config = TrainConfig.load(CONFIGS / "or_unet.toml", _options("total_steps=4", setting)[1::2])
    assert train(config, data, tmp_path / "run")
    network, _ = load_best(tmp_path / "run")  # in float32, whatever it was trained in
    assert {variable.dtype for variable in network.weights} == {"float32"}
    assert network.compute_dtype == "float32"
    assert all(np.isfinite(float(row["loss"])) for row in _history(tmp_path / "run"))


def test_mixing_in_processes_trains_alike(data, tmp_path):
    alike = {}
    for workers in (0, 1):
        run = tmp_path / str(workers)
        assert train(_config("total_steps=2"), data, run, workers=workers)
        assert multiprocessing.active_children() == []
        alike[workers] = [float(row["loss"]) for row in _history(run)] + load_best(run)[0].get_weights()
    for a, b in zip(alike[0], alike[1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, r"--workers: expected a number of processes, or 0. Received: -1"),
        ({"workers": 2, "devices": 2}, r"--workers: expected one device.*Received: --devices 2, consecutive=1"),
    ],
)
def test_workers_that_cannot_be_are_named(data, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        train(_config("total_steps=2"), data, tmp_path / "run", **options)


def test_a_share_of_the_data(data, tmp_path):
    assert train(_config("total_steps=2", "data_share=0.5"), data, tmp_path / "run")
    rows = json.loads((tmp_path / "run/manifest.json").read_text())
    assert len({row["song"] for row in rows["train"]} - {""}) == 1
    assert len({row["song"] for row in rows["valid"]} - {""}) == 2
    # Of what there is one of, that one is left.
    assert {Path(row["path"]).parts[1] for row in rows["train"]} == {"songs", "voices", "instrumentals"}


def test_the_papers_four_methods_by_one_command(data, tmp_path):
    def run_paper(*settings: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "training", "run-paper", "--data", str(data), "--out", str(tmp_path / "paper")]
        options = _options("total_steps=2", "segment_frames=64", "validation_segments=1", "batch_size=1", *settings)
        return subprocess.run(command + options, capture_output=True, text=True, cwd=ROOT)

    result = run_paper()
    assert result.returncode == 0, result.stderr
    table = (tmp_path / "paper/table.md").read_text()
    assert table.strip() in result.stdout
    rows = {line.split(" | ")[0]: line for line in table.splitlines()}
    assert {"| mixture", "| U-Net", "| LSTM", "| OR-U-Net", "| OR-U-Net_df"} <= set(rows)
    assert " | no | " in rows["| U-Net"]
    assert " | yes | " in rows["| OR-U-Net_df"]
    student = json.loads((tmp_path / "paper/or_unet_df/config.json").read_text())
    assert len(student["teacher_sha256"]) == 64
    assert "feature_loss_down_4" in _history(tmp_path / "paper/or_unet_df")[0]
    # Once more: nothing is trained or scored again.
    assert "nothing to do" in run_paper().stdout


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


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_two_devices_train_as_one(data, tmp_path, backend):
    if backend == "jax":
        pytest.importorskip("jax")
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    settings = _options("total_steps=4", "clipnorm=100.0", "batch_size=4")[1::2]
    code = [sys.executable, "-c", TWO_DEVICES, backend, str(CONFIGS / "or_unet.toml"), str(data), str(tmp_path)]
    result = subprocess.run(code + settings, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 0, result.stderr
    one, two = _history(tmp_path / "1"), _history(tmp_path / "2")
    assert [row["step"] for row in two] == ["2", "4"]
    for a, b in zip(one, two, strict=True):
        for name in ("loss", "val_loss"):
            assert float(a[name]) == pytest.approx(float(b[name]), abs=1e-4)


def test_devices_that_are_not_there_are_named(data, tmp_path):
    config = TrainConfig.load(CONFIGS / "or_unet.toml", _options("total_steps=2")[1::2])
    with pytest.raises(ValueError, match=r"--devices: expected at most 1 .*Received: 2"):
        train(config, data, tmp_path / "run", devices=2)
    with pytest.raises(ValueError, match="divisor of batch_size=2"):
        train(config, data, tmp_path / "run", devices=3)
