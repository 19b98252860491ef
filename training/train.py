"""`python -m training train`: one run folder from one configuration and one data folder."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import time
from pathlib import Path

import keras

from keras_sep.models.or_unet import build_or_unet
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from training.batches import random_batches, validation_segments
from training.config import TrainConfig
from training.files import write_json
from training.mixing import RandomMixer
from training.stems import StemPool, load_pool


class SaveBestNetwork(keras.callbacks.Callback):
    """Writes the mask network whenever the validation loss is the lowest so far."""

    def __init__(self, path: Path, best: float):
        super().__init__()
        self.path, self.best = path, best

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.best:
            self.best = logs["val_loss"]
            _save(self.model.network, self.path)


class History(keras.callbacks.Callback):
    """Appends a row an epoch to history.csv."""

    FIELDS = ("epoch", "step", "loss", "val_loss", "learning_rate", "seconds")

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.begin = path, time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        new = not self.path.exists()
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(self.FIELDS)
            step = int(self.model.optimizer.iterations)
            rate = float(self.model.optimizer.learning_rate)
            seconds = time.monotonic() - self.begin
            writer.writerow(
                [epoch, step, f"{logs['loss']:.6f}", f"{logs['val_loss']:.6f}", f"{rate:.3e}", f"{seconds:.1f}"]
            )

    @staticmethod
    def read(path: Path) -> list[dict[str, str]]:
        if not path.exists():
            return []
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def train(config: TrainConfig, data: Path, run: Path, cache: Path) -> None:
    """Trains until `total_steps`; the same call on the same run goes on where the last epoch ended.

    Writes into `run`: config.json, manifest.json (every file with hash and licence), history.csv,
    best.keras (the mask network with the lowest validation loss) and last.keras.

    Raises:
        ValueError: if `run` holds a run of another configuration.
    """
    spec = StreamSpec()
    run.mkdir(parents=True, exist_ok=True)
    _check_same_run(config, run)
    if (run / "last.keras").exists():
        print(f"{run} is trained: nothing to do")
        return
    keras.utils.set_random_seed(config.seed)
    train_pool = load_pool(data, "train", cache, spec.sample_rate, config.licences)
    valid_pool = load_pool(data, "valid", cache, spec.sample_rate, config.licences)
    _check_same_data({"train": _manifest(train_pool), "valid": _manifest(valid_pool)}, run)
    if not (run / "config.json").exists():
        write_json(run / "config.json", {**config.to_dict(), "spec": spec.to_dict(), "commit": _commit()})

    history = History.read(run / "history.csv")
    batches = random_batches(
        RandomMixer(train_pool, spec, config.segment_frames),
        config.batch_size,
        config.seed,
        first_step=_finished_epochs(run) * config.steps_per_epoch,
    )
    validation = validation_segments(valid_pool, spec, config.segment_frames, config.validation_segments)
    model = Separation(build_or_unet(config.size, spec), config.compressed_weight)
    model.build((None, config.segment_frames, spec.num_bins, spec.num_channels))
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        config.total_steps - config.warmup_steps,
        warmup_target=config.learning_rate,
        warmup_steps=config.warmup_steps,
    )
    # XLA on TensorFlow's CPU is a third slower (measured); JAX has nothing else.
    jit_compile = keras.backend.backend() == "jax"
    model.compile(keras.optimizers.Adam(schedule, clipnorm=config.clipnorm), jit_compile=jit_compile)
    model.fit(
        batches,
        steps_per_epoch=config.steps_per_epoch,
        epochs=-(-config.total_steps // config.steps_per_epoch),
        validation_data=validation,
        validation_batch_size=config.batch_size,
        callbacks=[
            SaveBestNetwork(run / "best.keras", min((float(row["val_loss"]) for row in history), default=float("inf"))),
            keras.callbacks.BackupAndRestore(run / "backup", delete_checkpoint=False),
            History(run / "history.csv"),
        ],
        shuffle=False,
        verbose=2,
    )
    _save(model.network, run / "last.keras")
    shutil.rmtree(run / "backup")


def _save(network: keras.Model, path: Path) -> None:
    part = path.with_name(f".{path.stem}.part.keras")  # Keras wants the suffix
    network.save(part)
    part.replace(path)


def _check_same_run(config: TrainConfig, run: Path) -> None:
    path = run / "config.json"
    if not path.exists():
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    changed = [key for key, value in config.to_dict().items() if before.get(key) != value]
    if changed:
        raise ValueError(
            f"{run} holds a run of another configuration (differs in {', '.join(changed)}): choose another folder"
        )


def _check_same_data(manifest: dict[str, list[dict[str, str]]], run: Path) -> None:
    path = run / "manifest.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != manifest:
        raise ValueError(f"{run} was trained on other files (see its manifest.json): choose another folder")
    write_json(path, manifest)


def _finished_epochs(run: Path) -> int:
    """Epochs that the backup holds, from which `fit` goes on."""
    path = run / "backup" / "training_metadata.json"
    return json.loads(path.read_text(encoding="utf-8"))["epoch"] if path.exists() else 0


def _manifest(pool: StemPool) -> list[dict[str, str]]:
    return [{"path": s.path, "sha256": s.sha256, "licence": s.licence} for s in pool.stems()]


def _commit() -> str:
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return result.stdout.strip()
