"""The figures of one file on real music, compared with the float network.

Imports neither TensorFlow nor Keras, so that it runs in light processes of `export.verification.measurement_pool`. The
results of the network are in a folder that `export.verification.reference` wrote:

    songs/<i>.npy    stems (sources, samples, C) of a test song's excerpt
    stream.npz       the network on the stream, for each checkpoint n: masks_<n> (sources, T, F, C),
                     stems_<n> (sources, T · frame_step, C), state_<i>_<n>; T steps of `windows` or `stem_windows`
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.scores import median_sdr, snr_db
from common.step_files import open_step
from keras_sep.engine import build_engine
from keras_sep.signal import StreamingStft, magnitude_views
from keras_sep.spec import StreamSpec

Array = npt.NDArray[np.float32]
CHECKPOINTS = (1, 100, 2000, 20000)
WINDOW = 100  # steps before a checkpoint that are compared
Advance = Callable[[int], None]


def windows(steps: int) -> dict[int, range]:
    """Returns the steps to compare at each checkpoint; the last checkpoint is the end of the stream, `steps`."""
    return {n: range(max(0, n - WINDOW), n) for n in (*(c for c in CHECKPOINTS if c < steps), steps)}


def stem_windows(steps: int, spec: StreamSpec) -> dict[int, range]:
    """Returns the steps whose stems are compared at each checkpoint.

    They are those of `windows`, but the first window lasts until the stems of step 1's samples are complete. Samples
    that come out earlier belong to the silence before the stream. Masks smear a little of the song into it,
    about 60 dB below the song. But these samples are differences of numbers as large as the song, with a rounding to
    match, so comparing them alone would say little.
    """
    first = min(1 + spec.stem_delay // spec.frame_step, steps)
    return {n: range(window.start, max(window.stop, first)) for n, window in windows(steps).items()}


def read_stream(reference: Path, spec: StreamSpec, steps: int) -> Iterator[tuple[range, Array]]:
    """Yields the stream in parts, cut at checkpoints and every `WINDOW` steps.

    The stream is the mixtures of all excerpts, one after the other, repeated until there are enough steps.

    Args:
        reference: folder of `export.verification.reference`.
        spec: stream format.
        steps: length of the stream, ≥ 1.

    Yields:
        The steps of the part, and their samples (steps · frame_step, C).
    """
    mixtures: list[Array] = []
    for path in sorted((reference / "songs").glob("*.npy")):
        if sum(map(len, mixtures)) < steps * spec.frame_step:
            mixtures.append(np.load(path).sum(axis=0))
    mixture = np.concatenate(mixtures)
    cuts = sorted({*range(0, steps, WINDOW), *windows(steps)})
    for start, stop in zip(cuts, [*cuts[1:], steps], strict=True):
        if start < stop:
            places = np.arange(start * spec.frame_step, stop * spec.frame_step) % len(mixture)
            yield range(start, stop), mixture[places]


def measure_stream(path: Path, reference: Path, steps: int, advance: Advance) -> dict[str, Any]:
    """Measures the error of a file at every checkpoint of the stream.

    Args:
        path: .tflite or .onnx file.
        reference: folder of `export.verification.reference`.
        steps: length of the stream, ≥ 1.
        advance: called with the number of steps after each part.

    Returns:
        `steps`: by checkpoint, {"mask_max", "mask_mean", "vocals_snr_db"} over its window: the largest and the mean
        absolute error of both masks, None for a file without masks; the SNR of the vocals' masked magnitudes or
        samples. `state_error`: the RMS error of the units of a state, relative to that state's range; of the worst
        state at the worst checkpoint; None if any output or state was not finite.
    """
    step, expected = open_step(path), np.load(reference / "stream.npz")
    spec, stft, finite = step.spec, StreamingStft(step.spec), True
    compared = windows(steps) if step.graph == "mask" else stem_windows(steps, spec)
    outputs: dict[int, list] = {n: [] for n in compared}
    weights: dict[int, list] = {n: [] for n in compared}
    states: dict[int, dict[str, Array]] = {}
    for places, samples in read_stream(reference, spec, steps):
        if step.graph == "mask":
            inputs = magnitude_views(stft.push(samples), spec)
        else:
            inputs = samples.reshape(-1, spec.frame_step, spec.num_channels)
        for t, x in zip(places, inputs, strict=True):
            output = np.stack(step(x))
            finite = finite and bool(np.all(np.isfinite(output)))
            for n, window in compared.items():
                if t in window:
                    outputs[n].append(output)
                    weights[n].append(x[..., : spec.num_channels])  # what a mask multiplies
        if places.stop in outputs:
            states[places.stop] = step.states()
        advance(len(places))
    finite = finite and not getattr(step, "recoveries", 0)  # a .tflite step replaces what is not finite, and counts it
    vocals = spec.sources.index("vocals")
    figures: dict[str, dict[str, float | None]] = {}
    for n in outputs:
        found = np.stack(outputs[n], axis=1)  # (sources, T, …)
        if step.graph == "mask":
            masks, weight = expected[f"masks_{n}"], np.stack(weights[n])
            error = np.abs(found - masks)
            snr = snr_db(weight * masks[vocals], weight * found[vocals])
            figures[str(n)] = {"mask_max": _number(error.max()), "mask_mean": _number(error.mean())}
        else:
            snr = snr_db(expected[f"stems_{n}"][vocals], found[vocals].reshape(-1, spec.num_channels))
            figures[str(n)] = {"mask_max": None, "mask_mean": None}
        figures[str(n)]["vocals_snr_db"] = _number(snr)
    return {"steps": figures, "state_error": _number(_state_error(expected, states)) if finite else None}


def _state_error(expected: Any, states: dict[int, dict[str, Array]]) -> float:
    """Returns the error of the network's worst state; errors of the STFT and the overlap-add show in the stems.

    The worst unit of thousands says little: of the same weights in 8 bits it is 0.18 off in one graph and 0.26 in the
    other, where the RMS is 0.023 and 0.026.
    """
    names = [name.removesuffix("_1") for name in expected if name.startswith("state_") and name.endswith("_1")]
    worst = 0.0
    for name in names:
        ranges = [expected[f"{name}_{n}"] for n in states]
        span = max(float(x.max()) for x in ranges) - min(float(x.min()) for x in ranges)
        errors = [float(np.sqrt(np.mean((states[n][name] - x) ** 2))) for n, x in zip(states, ranges, strict=True)]
        worst = max(worst, *(error / (span + 1e-20) for error in errors))
    return worst


def measure_song(path: Path, stems: Path, active: npt.NDArray[np.bool_], advance: Advance) -> list[float]:
    """Measures the median SDR of each source over a song's voice-active seconds.

    Args:
        path: .tflite or .onnx file.
        stems: .npy file with the true stems (sources, samples, C).
        active: (seconds,), True where the voice is active.
        advance: called with the number of steps after each part.

    Returns:
        dB by source; NaN without an active second, and for all sources if a step was undone.
    """
    references = np.load(stems)
    engine = build_engine(open_step(path))
    spec, late = engine.spec, engine.spec.stem_delay
    mixture = references.sum(axis=0)
    padded = np.concatenate(
        [mixture, np.zeros((-len(mixture) % spec.frame_step + late, spec.num_channels), np.float32)]
    )
    size, parts = WINDOW * spec.frame_step, []
    for start in range(0, len(padded), size):
        parts.append(engine.synthesise(engine.infer(engine.analyse(padded[start : start + size]))))
        advance(parts[-1].shape[1] // spec.frame_step)
    if getattr(engine.step, "recoveries", 0):
        return [np.nan] * len(references)
    estimates = np.concatenate(parts, axis=1)[:, late : late + len(mixture)]
    return median_sdr(references, estimates, spec.sample_rate, active)


def _number(value: Any) -> float | None:
    """Rounds a number to four digits; None for NaN and infinity, which JSON cannot hold."""
    return float(f"{value:.4g}") if np.isfinite(value) else None
