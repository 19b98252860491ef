"""Small data sets, configurations and runs for what trains."""

from __future__ import annotations

import csv
import hashlib
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import soundfile

from common.exposure import Row
from common.files import sha256_of, write_json
from keras_sep.models import MaskNetwork, build_network
from tests.support.paths import CONFIGS
from training.engine.callbacks import save_network
from training.engine.config import TrainConfig
from training.engine.warm_start import init_facts

RATE = 8000
TINY_SPEC = {"sample_rate": RATE, "frame_length": 256, "frame_step": 64, "fft_length": 256}


def write_data(root: Path, rate: int = RATE) -> Path:
    """A folder of stems: gliding tones as voices, noise as music, different in every file."""
    rng = np.random.default_rng(0)

    def write(name: str, seconds: float, channels: int, voice: bool) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(int(seconds * rate)) / rate
        tone = np.sin(2 * np.pi * rng.uniform(200, 400) * time * (1 + 0.1 * time)) * (np.sin(2 * np.pi * time) > 0)
        x = tone if voice else rng.standard_normal(len(time))
        soundfile.write(path, 0.2 * np.repeat(x[:, None], channels, axis=1), rate)

    for split in ("train", "valid", "test"):
        for song in ("one", "two"):
            write(f"{split}/songs/{split}_{song}/vocals.wav", 4, 2, True)
            write(f"{split}/songs/{split}_{song}/accompaniment.wav", 4, 2, False)
        if split != "test":
            write(f"{split}/voices/a.flac", 5, 1, True)
            write(f"{split}/instrumentals/a.wav", 5, 2, False)
    return root


def settings(*more: str) -> list[str]:
    """Settings of a run that takes seconds: the smallest network at 8 kHz, two steps an epoch; then `more`."""
    few = ("segment_frames=8", "batch_size=2", "steps_per_epoch=2", "validation_segments=2")
    return [
        "model.size=tiny",
        *(f"data.{setting}" for setting in few),
        "optimizer.warmup_steps=1",
        *(f"spec.{key}={value}" for key, value in TINY_SPEC.items()),
        *more,
    ]


def options(*more: str) -> list[str]:
    """`settings` as options of a command."""
    return [part for setting in settings(*more) for part in ("--set", setting)]


def tiny_config(*more: str, name: str = "paper/or_unet") -> TrainConfig:
    """A shipped configuration with `settings`."""
    return TrainConfig.load(CONFIGS / f"{name}.toml", settings(*more))


def manifest_row(path: str, **more: str) -> Row:
    """A row of a run's manifest.json; the hash is the path's, unless `more` has one."""
    sha256 = hashlib.sha256(path.encode()).hexdigest()
    return {"path": path, "sha256": sha256, "licence": "", "song": "", "dataset": "folder", **more}


def write_run(
    run: Path,
    *more: str,
    name: str = "paper/or_unet",
    network: MaskNetwork | None = None,
    epochs: int | None = None,
    manifest: dict[str, list[Row]] | None = None,
) -> Path:
    """Writes a run folder as `train` leaves it, without a step of training; returns the folder.

    Args:
        run: folder to make.
        more: after `settings`, on top of the shipped configuration `name`.
        name: of a configuration, below `training/configs`.
        network: of best.keras and last.keras; None for one with the random weights of the configuration's seed.
        epochs: rows of history.csv; None for as many as the configuration has.
        manifest: of manifest.json; None for a song.
    """
    config = tiny_config(*more, name=name)
    if network is None:
        keras.utils.set_random_seed(config.data.seed)
        network = build_network(config.model.architecture, config.model.size, config.spec)
    run.mkdir(parents=True)
    save_network(network, run / "best.keras")
    shutil.copy(run / "best.keras", run / "last.keras")
    facts: dict[str, Any] = {**config.to_dict(), "dataset": "folder", **init_facts(config.model.init)}
    if config.loss.teacher:
        facts["teacher_sha256"] = sha256_of(Path(config.loss.teacher) / "best.keras")
    write_json(run / "config.json", {**facts, "commit": "0123456"})
    song = {
        split: [manifest_row(f"{split}/songs/{split}_one/vocals.wav", song=f"{split}_one")]
        for split in ("train", "valid")
    }
    write_json(run / "manifest.json", song if manifest is None else manifest)
    _write_history(run / "history.csv", config, config.epochs if epochs is None else epochs)
    return run


def _write_history(path: Path, config: TrainConfig, epochs: int) -> None:
    """Losses that get smaller; without those of a teacher."""
    extra = [name for name in ("compressed", "snr") if getattr(config.loss, f"{name}_weight")]
    values = ["loss", "spectrogram_loss", *(f"{name}_loss" for name in extra)]
    values += ["vocals_si_sdr", "accompaniment_si_sdr"]
    names = sorted([*values, *(f"val_{name}" for name in values)])
    rows = [
        {
            "epoch": epoch,
            "step": (epoch + 1) * config.steps_per_epoch,
            "learning_rate": f"{config.optimizer.learning_rate:.3e}",
            "seconds": "1.5",
            "frames_per_second": "100",
            "data_wait": "0.100",
            **dict.fromkeys(names, f"{1 / (epoch + 2):.6f}"),
        }
        for epoch in range(epochs)
    ]
    if rows:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
