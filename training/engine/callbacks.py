"""The callbacks at the end of an epoch: best network, history, checkpoint, stop in time.

An epoch is finished when its checkpoint is in place. A run that was killed, at any moment, continues from there, and
the history is cut back to it.
"""

from __future__ import annotations

import csv
import math
import os
import re
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO

import keras

from common.files import is_there
from common.runs import Row, read_history


class Average(keras.callbacks.Callback):
    """A callback that puts the moving average of the weights into the model for validation, and in `in_model`."""

    def __init__(self):
        super().__init__()
        self._swap = keras.callbacks.SwapEMAWeights()

    def set_model(self, model):
        super().set_model(model)
        self._swap.set_model(model)

    def on_test_begin(self, logs=None):
        self._swap.on_test_begin()

    def on_test_end(self, logs=None):
        self._swap.on_test_end()

    @contextmanager
    def in_model(self):
        self._swap.on_test_begin()
        try:
            yield
        finally:
            self._swap.on_test_end()


class RefuseNan(keras.callbacks.Callback):
    """A callback that ends a run whose loss is not finite any more, before the epoch is saved.

    Raises:
        ValueError: names the step and the loss.
    """

    def on_epoch_end(self, epoch, logs=None):
        for name in ("loss", "val_loss"):
            if not math.isfinite(logs[name]):
                raise ValueError(
                    f"training has diverged by step {steps_done(self.model)}: {name}={logs[name]}; "
                    "expected a finite loss. Try a lower learning_rate"
                )


class RefuseVanishedRun(keras.callbacks.Callback):
    """End of a run whose folder was deleted: TensorBoard would make it anew, or another run may have taken its place.

    Args:
        run: its folder.
        lock: the file that locks it, see `common.files.locked`; None for one of several processes.

    Raises:
        ValueError: names the folder.
    """

    def __init__(self, run: Path, lock: IO[str] | None = None):
        super().__init__()
        self.run, self.lock = run, lock

    def on_epoch_end(self, epoch, logs=None):
        if not (self.run / "config.json").exists() or (self.lock and not is_there(self.lock)):
            raise ValueError(f"{self.run}: expected the folder of this run. Received: none, it has been deleted")


class SaveBestNetwork(keras.callbacks.Callback):
    """A callback that writes the mask network whenever the validation loss is the lowest so far.

    Args:
        path: .keras file to write.
        best: lowest validation loss of earlier calls of `fit`, or infinity.
        average: callback with the moving average, which is saved instead of the weights; None for the weights.
        writes: whether this process writes; of several, only the first does.
    """

    def __init__(self, path: Path, best: float, average: Average | None, writes: bool = True):
        super().__init__()
        self.path, self.best, self.average, self.writes = path, best, average, writes

    def on_epoch_end(self, epoch, logs=None):
        if logs["val_loss"] < self.best:
            self.best = logs["val_loss"]
            # `self.model` is read before the swap: on JAX, reading it copies the trained weights back into the model.
            network = self.model.network
            with _averaged(self.average):
                if self.writes:
                    save_network(network, self.path)


class History(keras.callbacks.Callback):
    """A callback that appends a row an epoch to history.csv: steps, speed, and every value that `fit` reports.

    `data_wait` is the share of the training time in which `fit` waited for a batch. Backends fetch batches ahead of
    time, so it is an upper bound of the time that the devices wait.

    Args:
        path: history.csv.
        frames_per_step: frames of a batch, all segments together.
        data_wait_s: function that returns the seconds waited for batches so far.
    """

    def __init__(self, path: Path, frames_per_step: int, data_wait_s):
        super().__init__()
        self.path, self.frames_per_step, self.data_wait_s = path, frames_per_step, data_wait_s
        self._epoch_begin = self._train_end = self._waited = 0.0
        self._first_step = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_begin, self._waited = time.monotonic(), self.data_wait_s()
        self._train_end = 0.0
        self._first_step = steps_done(self.model)

    def on_test_begin(self, logs=None):
        self._train_end = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        now, step = time.monotonic(), steps_done(self.model)
        rate = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        training = (self._train_end or now) - self._epoch_begin
        row = {
            "epoch": epoch,
            "step": step,
            "learning_rate": f"{rate:.3e}",
            "seconds": f"{now - self._epoch_begin:.1f}",
            "frames_per_second": f"{(step - self._first_step) * self.frames_per_step / training:.0f}",
            "data_wait": f"{(self.data_wait_s() - self._waited) / training:.3f}",
            **{name: f"{float(value):.6f}" for name, value in sorted(logs.items()) if name != "learning_rate"},
        }
        new = not self.path.exists() or not self.path.stat().st_size
        with self.path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


class Checkpoint(keras.callbacks.Callback):
    """A callback that writes everything that training continues from to one file, put in place by one rename.

    The file holds weights, the state of the optimizer (with the step count, hence the schedule) and moving averages.
    On JAX every process has to take part in saving, because variables are gathered; the first one's file is kept.
    """

    def __init__(self, path: Path, keeps: bool = True):
        super().__init__()
        self.path, self.keeps = path, keeps

    def on_epoch_end(self, epoch, logs=None):
        part = self.path.with_name(f".part.{self.path.name}")  # Keras requires the suffix .weights.h5
        if self.keeps:
            with _replaced_by(part, self.path):
                self.model.save_weights(part, overwrite=True)
            return
        with tempfile.TemporaryDirectory() as folder:
            self.model.save_weights(Path(folder) / part.name)


class StopInTime(keras.callbacks.Callback):
    """A callback that ends `fit` if another epoch, as long as the last, would pass the deadline; one is always trained.

    Args:
        deadline: value of `time.monotonic()` in s.
        agree: function that returns, in each of several processes, what the first one says.
    """

    def __init__(self, deadline: float, agree: Callable[[bool], bool] = bool):
        super().__init__()
        self.deadline, self.agree, self._begin = deadline, agree, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        if self.agree(now + 1.1 * (now - self._begin) > self.deadline):
            self.model.stop_training = True


def steps_done(model: keras.Model) -> int:
    """Returns the number of optimizer steps so far, on one device or several."""
    return int(keras.ops.convert_to_numpy(model.optimizer.iterations))


def cut_history(path: Path, step: int) -> list[Row]:
    """Drops the rows of history.csv after `step`, whose checkpoint a kill prevented; returns the other rows."""
    rows = read_history(path.parent)
    kept = [row for row in rows if int(row["step"]) <= step]
    if not kept:
        path.unlink(missing_ok=True)
    else:
        part = path.with_name(f".{path.name}.part")
        with _replaced_by(part, path), part.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(kept)
    return kept


def save_network(network: keras.Model, path: Path) -> None:
    part = path.with_name(f".{path.stem}.part.keras")  # Keras requires the suffix
    with _replaced_by(part, path):
        network.save(part)


@contextmanager
def _replaced_by(part: Path, path: Path) -> Iterator[None]:
    """Puts `part`, which the block writes, in the place of `path`; deletes it after an exception.

    Raises:
        OSError: names `path` in one line, where HDF5 prints a page, and more while what it had open is dropped.
    """
    hooks = sys.excepthook, sys.unraisablehook  # Cython calls one, then the other
    try:
        sys.excepthook = sys.unraisablehook = _say_nothing
        try:
            yield
        except (OSError, RuntimeError) as error:
            traceback.clear_frames(error.__traceback__)  # drops them now
            stated = re.search(r"errno = (\d+)", str(error))  # by HDF5, in errors of either class
            number = int(stated[1]) if stated else getattr(error, "errno", None)
            if number is None:
                raise
            raise OSError(number, os.strerror(number), str(path)) from None
        part.replace(path)
    finally:
        sys.excepthook, sys.unraisablehook = hooks
        part.unlink(missing_ok=True)


def _say_nothing(*_: object) -> None:
    pass


def _averaged(average: Average | None) -> AbstractContextManager:
    return nullcontext() if average is None else average.in_model()
