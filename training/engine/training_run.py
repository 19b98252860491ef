"""A training run: one run folder from one configuration and one data set."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import IO, Any

import keras
import numpy as np

from common.exposure import TrainingExposure
from common.files import locked, sha256_of, write_json
from common.runs import Row, read_config, read_history
from keras_sep.separation import Separation
from training.data.batches import WaitClock, end, random_batches, validation_segments
from training.data.datasets import load_split
from training.data.datasets.leakage import pool_songs, refuse_shared, stem_hashes, without_stems
from training.data.mixing import RandomMixer
from training.data.stems import StemPool, split_in_time
from training.engine import callbacks
from training.engine.build import build, build_separation
from training.engine.config import TrainConfig
from training.engine.distributed import Processes, these_processes
from training.engine.parallel import data_parallel, distributable
from training.engine.warm_start import (
    exposure_of,
    has_folded_normalisation,
    init_facts,
    restore_normalisation,
)


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
    """Trains until `total_steps`; the same call on the same run continues from its last checkpoint.

    Writes into `run`:
        config.json: the configuration, hashes of teacher and initial weights, and the commit.
        manifest.json: every recording, with its hash and licence; see `common.exposure`.
        constant_masks.json: validation losses of constant vocals/accompaniment masks, for comparison.
        history.csv, and tensorboard/ on the TensorFlow backend: figures of every epoch.
        best.keras: the mask network with the lowest validation loss.
        last.keras: the mask network at the end.
        checkpoint.weights.h5: the state that a stopped run continues from.

    Args:
        config: configuration of the run.
        data: folder of the data set.
        run: folder to write to; created if needed.
        cache: folder for decoded audio; None for `run`/cache.
        dataset: one of `training.data.datasets.DATASETS`.
        exclude_shared: leaves songs that are also in the validation part out of training; otherwise they are an error.
        strict: makes a file that cannot be read an error; otherwise it is skipped.
        max_minutes: time after which to stop, at the end of the last epoch that fits; one is always trained.
        devices: number of devices to spread a batch over, ≥ 1.
        workers: number of processes that mix; 0 for a thread of this process.

    Returns:
        Whether the run is finished.

    Raises:
        ValueError: another process trains `run`, or it holds a run of another configuration or other recordings;
            training and validation share songs; the configuration, the data or the devices do not fit; or the loss is
            not finite any more.
    """
    begin, processes = time.monotonic(), these_processes()
    run.mkdir(parents=True, exist_ok=True)
    # Of several processes, those that a loss has stopped may still be ending when others go on in their place.
    with locked(run, "train") if processes.count == 1 else nullcontext() as lock:
        facts = {**config.to_dict(), "dataset": dataset, **_teacher_facts(config), **init_facts(config.model.init)}
        _check_same_run(facts, run)
        if _is_finished(config, run):
            print(f"{run} is trained: nothing to do")
            return True
        keras.utils.set_random_seed(config.data.seed)
        exposure = exposure_of(config.model.init)
        if config.loss.teacher:  # songs that the teacher was trained on count as training songs of this run, too
            exposure |= TrainingExposure.of_run(Path(config.loss.teacher))
        if not processes.is_first:
            processes.wait("data are decoded")
        train_pool, valid_pool = _load_data(
            config,
            data,
            cache or run / "cache",
            exposure,
            dataset=dataset,
            exclude_shared=exclude_shared,
            strict=strict,
        )
        if processes.is_first:
            processes.wait("data are decoded")
        manifest = (TrainingExposure(_rows(train_pool), _rows(valid_pool)) | exposure).to_dict()
        _check_same_data(manifest, run)
        if processes.count > 1:
            devices = len(keras.distribution.list_devices())
        _require_divisible(config, devices)
        if workers < 0:
            raise ValueError(f"--workers: expected a number of processes, or 0. Received: {workers}")
        validation = validation_segments(
            valid_pool, config.spec, config.data.segment_frames, config.data.validation_segments
        )
        if processes.count > 1:
            if has_folded_normalisation(config.model.init):
                raise ValueError(
                    f"--distributed: expected a Keras network to begin with. Received: {config.model.init}"
                )
            if processes.is_first:
                _write_constant_masks(build_separation(config), validation, config, run)
                keras.utils.set_random_seed(config.data.seed)
        with data_parallel(devices), ExitStack() as streams:
            model = build(config, devices)
            step = _restore(model, run / "checkpoint.weights.h5")
            mixer = RandomMixer(train_pool, config.spec, config.data.segment_frames, config.mixing)
            clock = WaitClock()
            if has_folded_normalisation(config.model.init) and not step:
                restore_normalisation(model.network, _first_mixtures(mixer, config))
            # All checks have passed. From here on the folder belongs to this run, which is not finished.
            if processes.is_first:
                if not (run / "config.json").exists():
                    write_json(run / "config.json", {**facts, "commit": _commit()})
                write_json(run / "manifest.json", manifest)
                (run / "last.keras").unlink(missing_ok=True)
                callbacks.cut_history(run / "history.csv", step)
                if processes.count == 1:
                    _write_constant_masks(model, validation, config, run)
            processes.wait("the run is begun")
            history = read_history(run)

            def batches() -> Iterator[Any]:
                timed = clock.timed(
                    random_batches(
                        mixer,
                        config.data.batch_size,
                        config.data.seed,
                        first_step=step,
                        workers=workers,
                        rows=processes.share(config.data.batch_size),
                    )
                )
                streams.callback(end, timed)
                return timed

            deadline = None if max_minutes is None else begin + 60 * max_minutes
            model.fit(
                distributable(batches, devices),
                steps_per_epoch=config.steps_per_epoch,
                initial_epoch=step // config.steps_per_epoch,
                epochs=config.epochs,
                validation_data=processes.shares(validation, config.data.batch_size),
                validation_batch_size=config.data.batch_size // processes.count,
                callbacks=_callbacks(config, run, lock, history, clock, deadline, processes),
                shuffle=False,
                verbose=2 if processes.is_first else 0,
            )
            # If weights are averaged, `fit` ends with the averages in the model.
            network = model.network
            if processes.is_first:
                callbacks.save_network(network, run / "last.keras")
            processes.wait("the run is written")
    finished = _is_finished(config, run)
    if not finished:
        print(f"{run}: stopped after step {callbacks.steps_done(model)}; run the same command again to continue")
    return finished


def _write_constant_masks(model: Separation, validation: tuple[Any, Any], config: TrainConfig, run: Path) -> None:
    if not (run / "constant_masks.json").exists():
        write_json(run / "constant_masks.json", _constant_masks(model, validation, config.data.batch_size))


def _constant_masks(model: Separation, validation: tuple[Any, Any], batch_size: int) -> dict[str, float]:
    """Computes the validation loss of constant masks, which any useful network stays below.

    Returns:
        By "vocals/accompaniment" values of the masks, such as "0.5/0.5".
    """
    x, y = validation
    losses = {}
    for values in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (0.0, 1.0)):
        total = 0.0
        for i in range(0, len(x), batch_size):
            part, rows = x[i : i + batch_size], {source: y[source][i : i + batch_size] for source in y}
            masks = {f"{s}_mask": np.full_like(rows[s], value) for s, value in zip(y, values, strict=True)}
            total += len(part) * float(model.total(model.loss_terms(part, rows, masks)))
        losses["/".join(f"{value:g}" for value in values)] = round(total / len(x), 6)
    return losses


def _first_mixtures(mixer: RandomMixer, config: TrainConfig) -> np.ndarray:
    batches = random_batches(mixer, max(16, config.data.batch_size), config.data.seed)
    x, _ = next(batches)
    end(batches)
    return x


def _require_divisible(config: TrainConfig, devices: int) -> None:
    for name in ("batch_size", "validation_segments"):
        value = getattr(config.data, name)
        if devices < 1 or value % devices:
            raise ValueError(f"--devices: expected a divisor of {name}={value}. Received: {devices}")


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
    config: TrainConfig,
    run: Path,
    lock: IO[str] | None,
    history: list[Row],
    clock: WaitClock,
    deadline: float | None,
    processes: Processes,
) -> list[keras.callbacks.Callback]:
    average = callbacks.Average() if config.optimizer.ema_momentum else None
    best = min((float(row["val_loss"]) for row in history), default=float("inf"))
    path = run / "history.csv"
    result: list[keras.callbacks.Callback] = [average] if average else []
    result += [
        callbacks.RefuseNan(),
        callbacks.RefuseVanishedRun(run, lock),
        callbacks.SaveBestNetwork(run / "best.keras", best, average, writes=processes.is_first),
    ]
    if processes.is_first:
        result.append(callbacks.History(path, config.frames_per_step, lambda: clock.seconds))
    result.append(callbacks.Checkpoint(run / "checkpoint.weights.h5", keeps=processes.is_first))
    if keras.backend.backend() == "tensorflow":
        result.append(keras.callbacks.TensorBoard(run / "tensorboard", write_graph=False))
    if deadline is not None:
        result.append(callbacks.StopInTime(deadline, processes.agree))
    return result


def _load_data(
    config: TrainConfig,
    data: Path,
    cache: Path,
    exposure: TrainingExposure,
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
            config.spec.sample_rate,
            dataset=dataset,
            licences=config.data.licences,
            strict=strict,
            exclude=exclude,
        )

    songs, stems = set(exposure.songs(["train"])), set(exposure.stems(["train"]))
    if dataset == "folder" and data.is_dir() and not (data / "valid").is_dir():
        print(f"{data} has no folder valid: the last fifth of each file is validated on, the rest trained on")
        train_pool, valid_pool = split_in_time(load("train", []))
        # Files in both parts of an earlier run are those whose last fifth it held out, too.
        songs, stems = songs - exposure.songs(["valid"]), stems - exposure.stems(["valid"])
    else:
        valid_pool = load("valid", [])
        train_pool = load("train", pool_songs(valid_pool) if exclude_shared else [])
        if exclude_shared:  # a song may have another name, so recordings are compared, too
            train_pool = without_stems(train_pool, stem_hashes(valid_pool))
        refuse_shared(
            pool_songs(train_pool),
            pool_songs(valid_pool),
            "validation",
            trained_sha256=stem_hashes(train_pool),
            other_sha256=stem_hashes(valid_pool),
        )
    refuse_shared(
        sorted(songs),
        pool_songs(valid_pool),
        "validation",
        "The initial weights or the teacher know them: take others, or other validation songs",
        trained_sha256=stems,
        other_sha256=stem_hashes(valid_pool),
    )
    return train_pool, valid_pool


def _is_finished(config: TrainConfig, run: Path) -> bool:
    history = read_history(run)
    if not (run / "last.keras").exists() or not history:
        return False
    return int(history[-1]["step"]) >= config.num_steps


def _teacher_facts(config: TrainConfig) -> dict[str, str]:
    if not config.loss.teacher:
        return {}
    path = Path(config.loss.teacher) / "best.keras"
    if not path.exists():
        raise ValueError(
            f"teacher: expected a run folder with best.keras; train one with training/configs/paper/unet.toml first, "
            f"then give it by --set loss.teacher=RUN. Received: {config.loss.teacher}"
        )
    return {"teacher_sha256": sha256_of(path)}


def _check_same_run(facts: dict[str, Any], run: Path) -> None:
    if not (run / "config.json").exists():
        return
    before, changed = read_config(run), []
    for name, value in facts.items():
        if not isinstance(value, dict):
            changed += [name] if before.get(name) != value else []
            continue
        # Teacher and initial weights are compared by their hashes, because their folders may have moved.
        names = [key for key in value if key not in ("teacher", "init")]
        changed += [f"{name}.{key}" for key in names if before.get(name, {}).get(key) != _as_json(value[key])]
    changed += [name for name in ("teacher_sha256", "init_sha256") if name in before and name not in facts]
    if changed:
        raise ValueError(
            f"{run} holds a run of another configuration (differs in {', '.join(changed)}): choose another folder"
        )


def _as_json(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_same_data(manifest: dict[str, list[dict[str, str]]], run: Path) -> None:
    path = run / "manifest.json"
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != manifest:
        raise ValueError(f"{run} was trained on other files (see its manifest.json): choose another folder")


def _rows(pool: StemPool) -> list[dict[str, str]]:
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
