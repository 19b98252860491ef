"""`python -m training train`: one run folder from one configuration and one data set."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_sep.models import build_network, unet
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from keras_sep.teachers import Teacher
from training import callbacks
from training.batches import PREFETCH, WaitClock, random_batches, validation_segments
from training.config import TrainConfig
from training.datasets import load_split
from training.datasets.leakage import pool_songs, refuse_shared, run_hashes, run_songs, stem_hashes
from training.files import write_json
from training.fused import fuse_normalisation
from training.mixing import Mixing, RandomMixer
from training.optimizer import Muon
from training.parallel import data_parallel, distributable, synchronise_normalisation
from training.recurrence import fuse_recurrence
from training.runs import load_best, read_config, same_spec
from training.start import Rows, heard_before, init_facts, initialise, load_init
from training.stems import StemPool, draw_share, hold_out
from training.waveforms import WaveformSeparation
from training.workers import end, waveform_batches


def train(
    config: TrainConfig,
    data: Path,
    run: Path,
    *,
    cache: Path | None = None,
    dataset: str = "folder",
    exclude_shared: bool = False,
    strict: bool = False,
    max_minutes: float | None = None,
    devices: int = 1,
    workers: int = 0,
) -> bool:
    """Trains until `total_steps`; the same call on the same run goes on from its last checkpoint.

    Writes into `run`: config.json; manifest.json, every file with hash and licence; constant_masks.json,
    the validation losses of constant vocals/accompaniment masks, to compare with; history.csv, and
    tensorboard/ where TensorFlow is; best.keras, the mask network with the lowest validation loss;
    last.keras; and checkpoint.weights.h5, from which a stopped run goes on.

    Args:
        config: what to train.
        data: folder of the data set.
        run: folder, made if needed.
        cache: folder for decoded audio; None for `run`/cache.
        dataset: one of `training.datasets.DATASETS`.
        exclude_shared: songs that are also in the validation part are left out of training, not refused.
        strict: a file that cannot be read is an error, not skipped.
        max_minutes: stop after the last epoch that fits into this time, at least one.
        devices: number of devices to spread a batch over.
        workers: processes that mix, while the device takes the spectra; 0 for both in this process.

    Returns:
        Whether the run is finished.

    Raises:
        ValueError: if `run` holds a run of another configuration or of other files, or the data are refused.
    """
    begin, spec = time.monotonic(), config.spec
    run.mkdir(parents=True, exist_ok=True)
    facts = {**config.to_dict(), "dataset": dataset, **_teacher_facts(config), **init_facts(config.init)}
    _check_same_run(facts, run)
    if _is_finished(config, run):
        print(f"{run} is trained: nothing to do")
        return True
    keras.utils.set_random_seed(config.seed)
    heard = heard_before(config.init)
    train_pool, valid_pool = _load_data(
        config,
        data,
        cache or run / "cache",
        spec,
        heard,
        dataset=dataset,
        exclude_shared=exclude_shared,
        strict=strict,
    )
    train_pool = draw_share(train_pool, config.data_share)
    manifest = {"train": _manifest(train_pool) + heard["train"], "valid": _manifest(valid_pool) + heard["valid"]}
    _check_same_data(manifest, run)
    keras.mixed_precision.set_global_policy(config.precision)
    try:
        _require_divisible(config, devices)
        _require_workers(config, workers, devices)
        with data_parallel(devices), ExitStack() as streams:
            model = _build(config, spec, devices, workers)
            step = _restore(model, run / "checkpoint.weights.h5")
            mixer = RandomMixer(train_pool, spec, config.segment_frames, Mixing.parse(config.mixing))
            clock = WaitClock()
            if config.init and not step:
                initialise(model.network, config.init, lambda: _first_mixtures(mixer, config))
                same_spec({"the configuration": spec, config.init: load_init(config.init)[1]})
            # Nothing has been refused: the folder is this run's, and it is not finished.
            if not (run / "config.json").exists():
                write_json(run / "config.json", {**facts, "commit": _commit()})
            write_json(run / "manifest.json", manifest)
            (run / "last.keras").unlink(missing_ok=True)
            history = callbacks.cut_history(run / "history.csv", step)
            validation = validation_segments(valid_pool, spec, config.segment_frames, config.validation_segments)

            def batches() -> Iterator[Any]:
                if workers:
                    drawn = waveform_batches(mixer, config.batch_size, config.seed, workers, first_step=step)
                    timed = clock.timed(drawn)
                    streams.callback(end, timed)
                    return timed
                return clock.timed(
                    random_batches(
                        mixer,
                        config.batch_size,
                        config.seed,
                        first_step=step,
                        prefetch=PREFETCH,
                        consecutive=config.consecutive,
                    )
                )

            if not (run / "constant_masks.json").exists():
                write_json(run / "constant_masks.json", _constant_masks(model, validation, config.batch_size))
            deadline = None if max_minutes is None else begin + 60 * max_minutes
            model.fit(
                distributable(batches, devices),
                steps_per_epoch=config.steps_per_epoch,
                initial_epoch=step // config.steps_per_epoch,
                epochs=config.epochs,
                validation_data=validation,
                validation_batch_size=config.batch_size,
                callbacks=_callbacks(config, run, history, clock, deadline),
                shuffle=False,
                verbose=2,
            )
            # `fit` ends with the averaged weights in the model, if there are any.
            callbacks.save_network(model.network, run / "last.keras")
    finally:
        keras.mixed_precision.set_global_policy("float32")
    finished = _is_finished(config, run)
    if not finished:
        print(f"{run}: stopped after step {callbacks.steps_done(model)}; the same command goes on from there")
    return finished


def build_separation(config: TrainConfig, spec: StreamSpec, on_waveforms: bool = False) -> Separation:
    """The model that `fit` trains, not compiled; see `training.waveforms` for one that takes waveforms."""
    if config.architecture == "unet":
        _require_patches(config)
    network = build_network(config.architecture, config.size, spec)
    teacher = None
    if config.teacher:
        trained, trained_spec = load_best(Path(config.teacher))
        same_spec({"the configuration": spec, config.teacher: trained_spec})
        teacher = Teacher(trained).first(config.num_taps)
    carry = config.batch_size if config.consecutive > 1 else None
    weights = (config.compressed_weight, teacher, carry, config.complex_weight, config.snr_weight)
    return WaveformSeparation(network, *weights, spec=spec) if on_waveforms else Separation(network, *weights)


def _require_patches(config: TrainConfig) -> None:
    step = unet.CONFIGS[config.size].patch_step if config.size in unet.CONFIGS else 1
    if config.segment_frames % step:
        raise ValueError(
            f"configuration: segment_frames must be a multiple of {step} for the U-Net. "
            f"Received: segment_frames={config.segment_frames}"
        )
    if config.consecutive > 1:
        raise ValueError(
            f"configuration: consecutive must be 1 for the U-Net, which has no state. Received: {config.consecutive}"
        )


def compile_separation(model: Separation, config: TrainConfig) -> None:
    """Adam or Muon with warm-up, cosine decay to zero, clipping and the moving average of the configuration."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        config.total_steps - config.warmup_steps,
        warmup_target=config.learning_rate,
        warmup_steps=config.warmup_steps,
    )
    average = {"use_ema": True, "ema_momentum": config.ema_momentum} if config.ema_momentum else {}
    kind = Muon if config.optimizer == "muon" else keras.optimizers.Adam
    optimizer = kind(schedule, clipnorm=config.clipnorm, **average)
    # XLA on TensorFlow's CPU is a third slower (measured); JAX has nothing else.
    model.compile(optimizer, jit_compile=keras.backend.backend() == "jax")


def _build(config: TrainConfig, spec: StreamSpec, devices: int, workers: int) -> Separation:
    model = build_separation(config, spec, on_waveforms=workers > 0)
    if config.freeze_normalisation:
        for layer in model.network._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.trainable = False
    if devices > 1:
        synchronise_normalisation(model.network)
    else:
        fuse_normalisation(model.network)
        fuse_recurrence(model.network)
    model.build((None, config.segment_frames, spec.num_bins, spec.num_channels))
    compile_separation(model, config)
    # Variables that the first step would make have it traced twice.
    model.optimizer.build(model.trainable_variables)
    return model


def _constant_masks(model: Separation, validation: tuple[Any, Any], batch_size: int) -> dict[str, float]:
    """Validation loss of masks that listen to nothing: what training must stay below."""
    x, y = validation
    losses = {}
    for values in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.0, 1.0)):
        total = 0.0
        for i in range(0, len(x), batch_size):
            part = x[i : i + batch_size]
            masks = {f"{source}_mask": np.full_like(part, value) for source, value in zip(y, values, strict=True)}
            rows = {source: y[source][i : i + batch_size] for source in y}
            total += len(part) * float(model.total_loss(model.loss_terms(part, rows, masks)))
        losses["/".join(f"{value:g}" for value in values)] = round(total / len(x), 6)
    return losses


def _first_mixtures(mixer: RandomMixer, config: TrainConfig) -> np.ndarray:
    batches = random_batches(mixer, max(16, config.batch_size), config.seed)
    x, _ = next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert isinstance(x, np.ndarray)  # of batches that do not go on from one another
    return x


def _require_divisible(config: TrainConfig, devices: int) -> None:
    for name in ("batch_size", "validation_segments"):
        value = getattr(config, name)
        if devices < 1 or value % devices:
            raise ValueError(f"--devices: expected a divisor of {name}={value}. Received: {devices}")
    if devices > 1 and config.consecutive > 1:
        raise ValueError(
            f"--devices: expected 1 with consecutive={config.consecutive}, whose states stay in one place. "
            f"Received: {devices}"
        )


def _require_workers(config: TrainConfig, workers: int, devices: int) -> None:
    if workers < 0:
        raise ValueError(f"--workers: expected a number of processes, or 0. Received: {workers}")
    if workers and (devices > 1 or config.consecutive > 1):
        raise ValueError(
            "--workers: expected one device, and segments that do not go on from one another (consecutive=1). "
            f"Received: --devices {devices}, consecutive={config.consecutive}"
        )


def _restore(model: Separation, checkpoint: Path) -> int:
    """Loads a checkpoint if there is one; returns the number of steps done."""
    if checkpoint.exists():
        try:
            model.load_weights(checkpoint)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(
                f"{checkpoint}: cannot be read ({error}); delete it to train from the beginning"
            ) from error
    return callbacks.steps_done(model)


def _callbacks(
    config: TrainConfig, run: Path, history: list[callbacks.Row], clock: WaitClock, deadline: float | None
) -> list[keras.callbacks.Callback]:
    average = callbacks.Average() if config.ema_momentum else None
    best = min((float(row["val_loss"]) for row in history), default=float("inf"))
    path = run / "history.csv"
    result: list[keras.callbacks.Callback] = [average] if average else []
    result += [
        callbacks.RefuseNan(),
        callbacks.SaveBestNetwork(run / "best.keras", best, average),
        callbacks.History(path, config.batch_size * config.segment_frames, lambda: clock.seconds),
        callbacks.Checkpoint(run / "checkpoint.weights.h5"),
        callbacks.StopEarly(path, config.early_stopping_epochs),
    ]
    if keras.backend.backend() == "tensorflow":
        result.append(keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False))
    if deadline is not None:
        result.append(callbacks.StopInTime(deadline))
    return result


def _load_data(
    config: TrainConfig,
    data: Path,
    cache: Path,
    spec: StreamSpec,
    heard: Rows,
    *,
    dataset: str,
    exclude_shared: bool,
    strict: bool,
) -> tuple[StemPool, StemPool]:
    def load(split: Any, exclude: list[str]) -> StemPool:
        return load_split(
            data,
            split,
            cache,
            spec.sample_rate,
            dataset=dataset,
            licences=config.licences,
            strict=strict,
            seed=config.seed,
            exclude=exclude,
        )

    # What a teacher or first weights have learned by heart, they pass on.
    def learned(split: str) -> tuple[set[str], set[str]]:
        songs, hashes = ({row[key] for row in heard[split]} - {""} for key in ("song", "sha256"))
        if not config.teacher:
            return songs, hashes
        teacher = Path(config.teacher)
        return songs | set(run_songs(teacher, (split,))), hashes | run_hashes(teacher, (split,))

    songs, hashes = learned("train")
    if dataset == "folder" and data.is_dir() and not (data / "valid").is_dir():
        print(f"{data} has no folder valid: the last fifth of each file is validated on, the rest trained on")
        train_pool, valid_pool = hold_out(load("train", []))
        # In both parts of an earlier run are files whose ends it held out likewise.
        songs, hashes = (train - valid for train, valid in zip((songs, hashes), learned("valid"), strict=True))
    else:
        valid_pool = load("valid", [])
        train_pool = load("train", pool_songs(valid_pool) if exclude_shared else [])
        songs, hashes = songs | set(pool_songs(train_pool)), hashes | set(stem_hashes(train_pool))
    refuse_shared(
        sorted(songs), pool_songs(valid_pool), "validation", trained_sha256=hashes, other_sha256=stem_hashes(valid_pool)
    )
    return train_pool, valid_pool


def _is_finished(config: TrainConfig, run: Path) -> bool:
    history = callbacks.read_history(run / "history.csv")
    if not (run / "last.keras").exists() or not history:
        return False
    return int(history[-1]["step"]) >= config.epochs * config.steps_per_epoch or callbacks.stopped_early(
        history, config.early_stopping_epochs
    )


def _teacher_facts(config: TrainConfig) -> dict[str, str]:
    if not config.teacher:
        return {}
    path = Path(config.teacher) / "best.keras"
    if not path.exists():
        raise ValueError(
            f"teacher: expected a run folder with best.keras; train one with training/configs/unet.toml first, "
            f"then give it by --set teacher=RUN. Received: {config.teacher}"
        )
    return {"teacher_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _check_same_run(facts: dict[str, Any], run: Path) -> None:
    if not (run / "config.json").exists():
        return
    before = read_config(run)
    # A teacher and first weights are known by their bytes, wherever they lie.
    changed = [key for key, value in facts.items() if key not in ("teacher", "init") and before.get(key) != value]
    if changed:
        raise ValueError(
            f"{run} holds a run of another configuration (differs in {', '.join(changed)}): choose another folder"
        )


def _check_same_data(manifest: dict[str, list[dict[str, str]]], run: Path) -> None:
    path = run / "manifest.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != manifest:
        raise ValueError(f"{run} was trained on other files (see its manifest.json): choose another folder")


def _manifest(pool: StemPool) -> list[dict[str, str]]:
    return [
        {"path": s.path, "sha256": s.sha256, "licence": s.licence, "song": s.song, "dataset": s.dataset}
        for s in pool.stems()
    ]


def _commit() -> str:
    try:
        result = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return result.stdout.strip()
