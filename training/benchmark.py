"""`python -m training benchmark`: speed and memory of a training step of each method, beside a matrix product.

Every method is measured in a process of its own; the reference, a float32 matrix product in NumPy on all
cores, is measured in the same process just before and after, because shared machines change their speed.
"""

from __future__ import annotations

import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import keras
import numpy as np

from keras_sep.models import PolyphaseConv1D, build_network
from keras_sep.separation import Separation
from keras_sep.spec import StreamSpec
from keras_sep.teachers import Teacher
from training.batches import PREFETCH, WaitClock, random_batches
from training.datasets import load_split
from training.files import write_json
from training.fused import fuse_normalisation
from training.mixing import RandomMixer
from training.recurrence import fuse_recurrence

# name, architecture, taps of a U-Net as teacher
METHODS = (
    ("OR-U-Net", "or_unet", 0),
    ("OR-U-Net_df", "or_unet", 4),
    ("LSTM", "lstm", 0),
    ("LSTM, feature losses", "lstm", 4),
    ("U-Net", "unet", 0),
)
BATCH_SIZE, FRAMES = 4, 448


@dataclass(frozen=True)
class Speed:
    """What one method costs; frames/s of a step on arrays in memory, and of `fit` on mixed data."""

    method: str
    backend: str
    parameters: int
    frames_per_second: float
    gflops: float  # 10⁹ floating-point operations/s
    matmul_gflops: float
    peak_gb: float
    fit_frames_per_second: float | None
    data_wait: float | None  # share of fit's time


def benchmark(data: Path | None, cache: Path | None, size: str, steps: int, out: Path | None) -> str:
    """Measures all methods; returns a Markdown table.

    Args:
        data: folder of stems, for the figures of `fit`; None leaves them out.
        cache: folder of its decoded audio.
        size: of the networks.
        steps: timed steps, of which the median counts.
        out: JSON file for the figures.
    """
    speeds = []
    for name, architecture, taps in METHODS:
        # A process each: peak memory, and no method warms another up.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            speeds.append(pool.submit(measure, name, architecture, taps, data, cache, size, steps).result())
        print(_row(speeds[-1]), file=sys.stderr, flush=True)
    if out:
        write_json(out, [asdict(speed) for speed in speeds])
    lines = [
        f"{speeds[0].backend}, size {size}, {BATCH_SIZE} segments of {FRAMES} frames a step, float32:",
        "",
        "| method | parameters | frames/s, step alone | GFLOP/s | matrix product | frames/s in `fit` | data wait "
        "| peak memory |",
        "|---|---|---|---|---|---|---|---|",
        *map(_row, speeds),
    ]
    return "\n".join(lines)


def measure(
    name: str, architecture: str, taps: int, data: Path | None, cache: Path | None, size: str, steps: int
) -> Speed:
    """One method, in this process."""
    spec = StreamSpec()
    network = build_network(architecture, size, spec, num_frames=FRAMES)
    teacher = Teacher(build_network("unet", size, spec, num_frames=FRAMES)).first(taps) if taps else None
    model = Separation(network, teacher=teacher)
    fuse_normalisation(network)
    fuse_recurrence(network)
    model.compile(keras.optimizers.Adam(1e-3, clipnorm=1.0), jit_compile=keras.backend.backend() == "jax")
    x = np.random.default_rng(0).random((BATCH_SIZE, FRAMES, spec.num_bins, spec.num_channels), np.float32)
    y = {"vocals": 0.3 * x, "accompaniment": 0.7 * x}
    for _ in range(2):
        model.train_on_batch(x, y)
    before, times = _matmul_gflops(), []
    for _ in range(steps):
        begin = time.perf_counter()
        model.train_on_batch(x, y)
        times.append(time.perf_counter() - begin)
    rate = BATCH_SIZE * FRAMES / median(times)
    operations = 2 * 3 * multiplications(network)
    if teacher:
        # Both sources: references forward, estimates forward and backward to their magnitudes.
        operations += 2 * 2 * 3 * multiplications(teacher.extractor)
    fit_rate, wait = _fit(model, data, cache, spec, steps) if data and cache else (None, None)
    return Speed(
        method=name,
        backend=keras.backend.backend(),
        parameters=network.count_params(),
        frames_per_second=round(rate),
        gflops=round(rate * operations / 1e9, 1),
        matmul_gflops=round(max(before, _matmul_gflops()), 1),
        peak_gb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        fit_frames_per_second=fit_rate,
        data_wait=wait,
    )


def multiplications(network: keras.Model) -> float:
    """Multiply-accumulates of convolutions, dense and recurrent layers, for one frame.

    Args:
        network: built with a fixed number of frames.
    """
    total = 0.0
    for layer in network._flatten_layers():
        size = sum(
            np.prod(getattr(layer, name).shape) for name in ("kernel", "recurrent_kernel") if hasattr(layer, name)
        )
        if isinstance(layer, (keras.layers.Conv1D, PolyphaseConv1D)):
            size *= layer.output.shape[1]  # frames are in the batch
        elif isinstance(layer, keras.layers.Conv2DTranspose):
            size *= np.prod(layer.input.shape[1:3]) / FRAMES
        elif isinstance(layer, keras.layers.Conv2D):
            size *= np.prod(layer.output.shape[1:3]) / FRAMES
        total += float(size)
    return total


def _fit(model: Separation, data: Path, cache: Path, spec: StreamSpec, steps: int) -> tuple[float, float]:
    """Frames/s of `fit` on mixed segments, and the share of its time in which it waits for them."""
    mixer = RandomMixer(load_split(data, "train", cache, spec.sample_rate), spec, FRAMES)
    clock = WaitClock()
    batches = clock.timed(random_batches(mixer, BATCH_SIZE, seed=0, prefetch=PREFETCH))
    model.fit(batches, steps_per_epoch=2, verbose=0)  # the pipeline fills
    begin, waited = time.perf_counter(), clock.seconds
    model.fit(batches, steps_per_epoch=steps, verbose=0)
    seconds = time.perf_counter() - begin
    return round(steps * BATCH_SIZE * FRAMES / seconds), round((clock.seconds - waited) / seconds, 4)


def _matmul_gflops() -> float:
    a = np.random.default_rng(0).random((2048, 2048), np.float32)
    a @ a
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - begin)
    return 2 * 2048**3 / median(times) / 1e9


def _row(speed: Speed) -> str:
    fitted = f"{speed.fit_frames_per_second}" if speed.fit_frames_per_second else ""
    wait = f"{100 * speed.data_wait:.1f} %" if speed.data_wait is not None else ""
    return (
        f"| {speed.method} | {speed.parameters / 1e6:.2f} M | {speed.frames_per_second:.0f} | {speed.gflops} "
        f"| {speed.matmul_gflops} | {fitted} | {wait} | {speed.peak_gb} GB |"
    )
