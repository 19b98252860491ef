"""Speed and memory of a training step of each method, relative to a matrix product.

Every method is measured in a separate process. The reference, a float32 matrix product in NumPy on all cores, is
measured in the same process just before and after, because the speed of shared machines changes.
"""

from __future__ import annotations

import dataclasses
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

from common.files import require_folder, write_json
from common.markdown import table
from keras_sep.models import Unet
from keras_sep.separation import Separation
from keras_sep.teachers import Teacher
from training.data.batches import WaitClock, end, random_batches
from training.data.datasets import load_split
from training.data.mixing import RandomMixer
from training.engine.build import build_separation, compile_separation
from training.engine.config import TrainConfig
from training.engine.fused_normalisation import fuse_normalisation
from training.engine.fused_recurrence import fuse_recurrence

CONFIGS = Path(__file__).parents[1] / "configs"
# The configuration of the default preset, and the paper's methods.
METHODS = ("shipped/base", "paper/or_unet", "paper/or_unet_df", "paper/lstm", "paper/unet")


@dataclass(frozen=True)
class Speed:
    """The cost of training one method.

    Attributes:
        frames_per_second: speed of a step on arrays in memory.
        matmul_gflops: speed of the reference, in 10⁹ operations/s.
        peak_gb: highest resident memory of the process.
        fit_frames_per_second: speed of `fit` on mixed data; None if not measured.
        data_wait: share of the time of `fit` in which it waited for data, from 0 to 1; None if not measured.
    """

    method: str
    backend: str
    parameters: int
    frames_per_second: float
    matmul_gflops: float
    peak_gb: float
    fit_frames_per_second: float | None
    data_wait: float | None


def benchmark(data: Path | None, cache: Path | None, size: str, steps: int, out: Path | None) -> str:
    """Measures all methods; returns a Markdown table.

    Args:
        data: folder of stems, for the speed of `fit`; None leaves it out.
        cache: folder for decoded audio.
        size: size of the networks, "tiny", "s", "m" or "l".
        steps: number of timed steps, ≥ 1; the median counts.
        out: JSON file for the figures, or None.
    """
    if out:
        require_folder(out)
    speeds: list[Speed] = []
    for method in METHODS:
        # In separate processes each method has its own peak memory, and none warms up the next.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            speeds.append(pool.submit(measure, method, data, cache, size, steps).result())
        print(" | ".join(_row(speeds[-1], speeds[0])), file=sys.stderr, flush=True)
    if out:
        write_json(out, [asdict(speed) for speed in speeds])
    heads = ["configuration", "parameters", "frames/s, step alone", "× the first", "matrix product, GFLOP/s"]
    heads += ["frames/s in `fit`", "data wait", "peak memory"]
    rows = table(heads, [_row(speed, speeds[0]) for speed in speeds])
    return f"{speeds[0].backend}, size {size}, float32:\n\n{rows}"


def measure(method: str, data: Path | None, cache: Path | None, size: str, steps: int) -> Speed:
    """Measures one method in this process, built and compiled as `python -m training train` does.

    Args:
        method: one of `METHODS`.
        data, cache, size, steps: as for `benchmark`.
    """
    config = TrainConfig.load(CONFIGS / f"{method}.toml", [f"model.size={size}"])
    # The teacher has random weights: it costs as much as a trained one.
    taps, loss = config.loss.num_taps, dataclasses.replace(config.loss, teacher="", num_taps=0)
    plain = dataclasses.replace(config, loss=loss)
    model = build_separation(plain)
    network, spec = model.network, config.spec
    if taps:
        phi = Unet(size, spec)  # in size "tiny" it has fewer levels than the paper has taps
        model = Separation(network, Teacher(phi, min(taps, len(phi.down))), loss.compressed_weight, loss.snr_weight)
    fuse_normalisation(network)
    fuse_recurrence(network)
    compile_separation(model, config)
    shape = (config.data.batch_size, config.data.segment_frames, spec.num_bins)
    x = np.random.default_rng(0).random((*shape, spec.num_views), np.float32)
    y = {"vocals": 0.3 * x[..., : spec.num_channels], "accompaniment": 0.7 * x[..., : spec.num_channels]}
    for _ in range(2):
        model.train_on_batch(x, y)
    before, times = _matmul_gflops(), []
    for _ in range(steps):
        begin = time.perf_counter()
        model.train_on_batch(x, y)
        times.append(time.perf_counter() - begin)
    fit_rate, wait = _fit(model, config, data, cache, steps) if data and cache else (None, None)
    return Speed(
        method=method,
        backend=keras.backend.backend(),
        parameters=network.count_params(),
        frames_per_second=round(config.frames_per_step / median(times)),
        matmul_gflops=round(max(before, _matmul_gflops()), 1),
        peak_gb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        fit_frames_per_second=fit_rate,
        data_wait=wait,
    )


def _fit(model: Separation, config: TrainConfig, data: Path, cache: Path, steps: int) -> tuple[float, float]:
    """Returns the frames/s of `fit` on mixed segments, and the share of its time in which it waits for them."""
    spec = config.spec
    pool = load_split(data, "train", cache, spec.sample_rate)
    mixer, clock = RandomMixer(pool, spec, config.data.segment_frames, config.mixing), WaitClock()
    batches = clock.timed(random_batches(mixer, config.data.batch_size, seed=0))
    model.fit(batches, steps_per_epoch=2, verbose=0)  # fills the pipeline
    begin, waited = time.perf_counter(), clock.seconds
    model.fit(batches, steps_per_epoch=steps, verbose=0)
    seconds = time.perf_counter() - begin
    end(batches)
    return round(steps * config.frames_per_step / seconds), round((clock.seconds - waited) / seconds, 4)


def _matmul_gflops() -> float:
    a = np.random.default_rng(0).random((2048, 2048), np.float32)
    a @ a
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - begin)
    return 2 * 2048**3 / median(times) / 1e9


def _row(speed: Speed, first: Speed) -> list[str]:
    return [
        speed.method,
        f"{speed.parameters / 1e6:.2f} M",
        f"{speed.frames_per_second:.0f}",
        f"{speed.frames_per_second / first.frames_per_second:.2f}",
        f"{speed.matmul_gflops}",
        f"{speed.fit_frames_per_second}" if speed.fit_frames_per_second else "",
        f"{100 * speed.data_wait:.1f} %" if speed.data_wait is not None else "",
        f"{speed.peak_gb} GB",
    ]
