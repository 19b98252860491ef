"""Arrays, blocks and files in, stems out.

Waveforms are float (samples, channels), full scale ±1. `StreamingSeparator` takes blocks of any size
at the model's sample rate and returns as many samples, late by `algorithmic_latency`. `Separator`
takes whole arrays and files of any sample rate and channel count; its stems are aligned to the input
to the sample, and have its length and sample rate. Both compute the same bits.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sep.audio import BLOCK, FORMATS, LOUDEST, AudioReader, AudioWriter, require_sample_rate
from keras_sep.engine import build_engine
from keras_sep.errors import AudioError, ModelFileError, UnsupportedModelError
from keras_sep.presets import DEFAULT_PRESET, get_preset
from keras_sep.resampler import Resampler
from keras_sep.runtime import StepModel

Array = npt.NDArray[np.float32]
Progress = Callable[[int, "int | None", int], None]  # samples done, samples in all or None, sample rate
_BLOCKS_AHEAD = 2  # enough to keep the network busy


class StreamingSeparator:
    """Separates a stream as it arrives.

    Args:
        preset: name of a shipped model (`keras-sep presets`).
        model: path of a .tflite file instead, mask core or waveform graph.
        graph, precision: which of the preset's files; None for the preferred one, mask and dynamic_int8, or where the
            installed runtime cannot run that, the next that it can, with a RuntimeWarning.
        repair: bad samples (NaN, infinity, beyond ±1e12) become zero and are counted, where otherwise `push`
            refuses their block: for a sound card's callback, which has no use for an exception.

    Attributes:
        model: path of the .tflite file in use.
        spec: StreamSpec.  algorithmic_latency: samples by which the stems lag, 2048 = 46.4 ms.
        step: StepModel, the network.
        repaired_samples: bad samples so far, each channel's on its own.
        recoveries: steps at which the network was not finite and began anew (see `StepModel`), a gap of 12 to
            46 ms each. Neither counter is cleared by `reset` or `flush`.

    Example:
        >>> separator = StreamingSeparator()
        >>> stems = separator.push(block)  # (n, 2) in; {"vocals": (n, 2), "accompaniment": (n, 2)} out
    """

    def __init__(
        self,
        preset: str = DEFAULT_PRESET,
        *,
        model: str | os.PathLike[str] | None = None,
        graph: str | None = None,
        precision: str | None = None,
        repair: bool = False,
    ):
        self.step = _open_step(preset, model, graph, precision)
        self.model = self.step.path
        self._engine = build_engine(self.step)
        self._repair = repair
        self.spec = self.step.spec
        self.algorithmic_latency = self.spec.algorithmic_latency
        self.repaired_samples = 0
        self.reset()

    @property
    def recoveries(self) -> int:
        return self.step.recoveries

    def reset(self) -> None:
        """Forgets everything heard so far."""
        self._engine.reset()
        # Silence stands for what the engine puts before the first sample: its first frames' echo, ahead of time.
        # It lasts one step longer: steps come whole, samples come singly, and so there is always enough.
        shape = (len(self.spec.sources), self.algorithmic_latency, self.spec.num_channels)
        self._ready: Array = np.zeros(shape, np.float32)
        self._late = self.spec.stem_delay

    def push(self, block: npt.ArrayLike) -> dict[str, Array]:
        """Takes the next samples of the mixture, returns as many of each stem.

        Args:
            block: (n, channels) at `spec.sample_rate`, any n ≥ 0, finite unless `repair`.

        Returns:
            One new (n, channels) array a source. Sample i of the stream comes out as sample
            i + algorithmic_latency; the first algorithmic_latency samples are silence.

        Raises:
            AudioError: another shape, integers, or bad samples unless `repair`; the stream goes on as if
                the block had not been pushed.
        """
        samples, repaired = _checked(block, self.spec.num_channels, self._repair)
        self.repaired_samples += repaired
        stems = self._engine.synthesise(self._engine.infer(self._engine.analyse(samples)))
        ready = np.concatenate([self._ready, stems[:, self._late :]], axis=1)
        self._late -= min(self._late, stems.shape[1])
        self._ready = ready[:, len(samples) :].copy()
        return {source: ready[i, : len(samples)].copy() for i, source in enumerate(self.spec.sources)}

    def flush(self) -> dict[str, Array]:
        """Returns the last `algorithmic_latency` samples of each stem and starts anew."""
        stems = self.push(np.zeros((self.algorithmic_latency, self.spec.num_channels), np.float32))
        self.reset()
        return stems


class Separator:
    """Separates arrays and files.

    Channels: mono is separated as a centred stereo signal and comes out mono; more than two are
    separated in pairs in file order (1-2, 3-4, …), an odd last one as mono.

    Args:
        preset, model, graph, precision: as for `StreamingSeparator`.

    Attributes:
        model, spec: as there.
    """

    def __init__(
        self,
        preset: str = DEFAULT_PRESET,
        *,
        model: str | os.PathLike[str] | None = None,
        graph: str | None = None,
        precision: str | None = None,
    ):
        step = _open_step(preset, model, graph, precision)
        self.model = step.path
        self._engines = [build_engine(step)]
        self.spec = step.spec
        self._free = threading.Lock()

    def separate(self, waveform: npt.ArrayLike, sample_rate: int, progress: Progress | None = None) -> dict[str, Array]:
        """Separates a whole array.

        Args:
            waveform: (samples, channels) or (samples,), at least one STFT frame long.
            sample_rate: Hz.
            progress: called with (samples done, samples in all, sample_rate).

        Returns:
            One array a source, of the waveform's shape.

        Raises:
            AudioError: names what is wrong with the waveform.
            ModelFileError: the network was not finite on it.
        """
        x = np.asarray(waveform)
        checked, _ = _checked(x[:, np.newaxis] if x.ndim == 1 else x, None)
        require_sample_rate(sample_rate, "waveform")
        self._require_frame(len(checked), sample_rate, "waveform")
        blocks = (checked[i : i + BLOCK] for i in range(0, len(checked), BLOCK))
        parts, done = [], 0
        with contextlib.closing(self.separate_blocks(blocks, sample_rate, checked.shape[1])) as separated:
            for part in separated:
                parts.append(part)
                done += part.shape[1]
                if progress:
                    progress(done, len(checked), sample_rate)
        stems = np.concatenate(parts, axis=1)
        return {source: stems[i].reshape(x.shape) for i, source in enumerate(self.spec.sources)}

    def separate_file(
        self,
        path: str | os.PathLike[str],
        folder: str | os.PathLike[str],
        *,
        stems: Sequence[str] | None = None,
        format: str = "wav",
        start: float = 0.0,
        duration: float | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Path]:
        """Separates a file into `folder`/<stem>.<format>, block by block.

        Args:
            path: audio file.
            folder: made if needed; stems of the same name are replaced.
            stems: which of `spec.sources`; None for all.
            format: "wav", "flac" or "ogg".
            start, duration: seconds; the excerpt to separate.
            progress: called with (samples done, samples in all or None, sample rate); may raise to stop.

        Returns:
            Path of each stem. They are put in place when all of them are complete.

        Raises:
            AudioError: an input that cannot be read, an output that cannot be written or would replace the input.
            ModelFileError: the network was not finite on it.
        """
        folder = Path(folder)
        wanted = list(self.spec.sources if stems is None else stems)
        if not wanted or not set(wanted) <= set(self.spec.sources):
            raise AudioError(f"stems: expected some of {', '.join(self.spec.sources)}. Received: {wanted}")
        if format not in FORMATS:
            raise AudioError(f"format: expected one of {', '.join(FORMATS)}. Received: {format!r}")
        with AudioReader(path, start, duration) as reader:
            if reader.num_samples is not None:
                self._require_frame(reader.num_samples, reader.sample_rate, str(path))
            targets = {stem: folder / f"{stem}.{format}" for stem in wanted}
            made: list[Path] = []
            writers: dict[str, AudioWriter] = {}
            try:
                _make_folder(folder, made)
                for stem, target in targets.items():
                    if target.is_dir():
                        raise AudioError(f"{target}: cannot write: it is a folder")
                    if target.exists() and target.samefile(path):
                        raise AudioError(f"{target}: cannot write: it is the input; choose another folder")
                    writers[stem] = AudioWriter(
                        target, reader.sample_rate, reader.num_channels, format, reader.num_samples
                    )
                    writers[stem].open()
                done = 0
                # Closed before the reader is, and before the files are: the network may be a few blocks behind.
                with contextlib.closing(
                    self.separate_blocks(reader.blocks(), reader.sample_rate, reader.num_channels)
                ) as separated:
                    for part in separated:
                        for stem, writer in writers.items():
                            writer.write(part[self.spec.sources.index(stem)])
                        done += part.shape[1]
                        if progress:
                            progress(done, reader.num_samples, reader.sample_rate)
                self._require_frame(done, reader.sample_rate, str(path))
                for writer in writers.values():
                    writer.finish()
                for writer in writers.values():
                    writer.commit()
            except BaseException:
                for writer in writers.values():
                    writer.abort()
                for empty in made:
                    if empty.is_dir() and not any(empty.iterdir()):
                        empty.rmdir()
                raise
        return {stem: writer.path for stem, writer in writers.items()}

    def separate_blocks(
        self, blocks: Iterable[Array], sample_rate: int, num_channels: int
    ) -> Generator[Array, None, None]:
        """Separates blocks (n, channels) into blocks (sources, m, channels), in bounded memory.

        The network runs in a thread of its own, a few blocks behind; the rest in the caller's. One separation
        at a time: a second one before the first has ended raises RuntimeError.
        """
        if not self._free.acquire(blocking=False):
            raise RuntimeError("Separator: one separation at a time; make another Separator for another thread")
        try:
            yield from self._separate_blocks(blocks, sample_rate, num_channels)
        finally:
            self._free.release()

    def _separate_blocks(
        self, blocks: Iterable[Array], sample_rate: int, num_channels: int
    ) -> Generator[Array, None, None]:
        pairs = [list(range(i, min(i + 2, num_channels))) for i in range(0, num_channels, 2)]
        while len(self._engines) < len(pairs):
            self._engines.append(build_engine(StepModel(self.model)))
        engines = self._engines[: len(pairs)]
        for engine in engines:
            engine.reset()
        spec, model_rate = self.spec, self.spec.sample_rate
        width = spec.num_channels * len(pairs)
        received = 0

        def analysed() -> Iterator[list[Any]]:
            nonlocal received
            resample = Resampler(sample_rate, model_rate, width)
            for block in blocks:
                received += len(block)
                yield analyse(resample(_to_pairs(block, pairs)))
            rest = resample(np.zeros((0, width), np.float32), last=True)
            yield analyse(np.concatenate([rest, np.zeros((spec.algorithmic_latency, width), np.float32)]))

        def analyse(samples: Array) -> list[Any]:
            return [e.analyse(s) for e, s in zip(engines, np.split(samples, len(engines), axis=1), strict=True)]

        def infer(frames: list[Any]) -> list[Any]:
            return [e.infer(f) for e, f in zip(engines, frames, strict=True)]

        def inferred() -> Generator[list[Any], None, None]:
            with ThreadPoolExecutor(1, thread_name_prefix="network") as network:
                ahead: deque[Future[list[Any]]] = deque()
                for frames in analysed():
                    ahead.append(network.submit(infer, frames))
                    if len(ahead) > _BLOCKS_AHEAD:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()

        resample_back = Resampler(model_rate, sample_rate, len(spec.sources) * width)
        late, sent = spec.stem_delay, 0
        recoveries = sum(e.step.recoveries for e in engines)
        ending = [None]  # one round more, to empty the resampler
        with contextlib.closing(inferred()) as results:
            for frames in itertools.chain(results, ending):
                if frames is None:
                    stems = np.zeros((len(spec.sources), 0, width), np.float32)
                else:
                    parts = [e.synthesise(f) for e, f in zip(engines, frames, strict=True)]
                    stems = np.concatenate(parts, axis=2)[:, late:]
                    late -= min(late, parts[0].shape[1])
                flat = np.moveaxis(stems, 0, 1).reshape(stems.shape[1], len(spec.sources) * width)
                flat = resample_back(flat, last=frames is None)
                stems = np.moveaxis(flat.reshape(len(flat), len(spec.sources), width), 1, 0)
                if frames is None or sent + stems.shape[1] > received:
                    short = received - sent - stems.shape[1]
                    stems = np.pad(stems, ((0, 0), (0, max(0, short)), (0, 0)))[:, : received - sent]
                sent += stems.shape[1]
                if stems.shape[1]:
                    yield _from_pairs(stems, pairs)
        if gaps := sum(e.step.recoveries for e in engines) - recoveries:
            raise ModelFileError(f"{engines[0].step.path}: the network was not finite at {gaps} steps of this audio")

    def _require_frame(self, samples: int, sample_rate: int, name: str) -> None:
        least = -(-self.spec.frame_length * sample_rate // self.spec.sample_rate)
        if samples < least:
            raise AudioError(
                f"{name}: expected at least {least} samples (one frame, "
                f"{self.spec.algorithmic_latency_ms:.1f} ms). Received: {samples}"
            )


def _open_step(
    preset: str, model: str | os.PathLike[str] | None, graph: str | None, precision: str | None
) -> StepModel:
    """The file that was asked for; of several, the first that the installed runtime can run."""
    if model is not None:
        return StepModel(model)
    files = get_preset(preset).candidates(graph, precision)
    refused: list[UnsupportedModelError] = []
    for file in files:
        try:
            step = StepModel(file.path())
        except UnsupportedModelError as error:
            refused.append(error)
            continue
        if refused:  # stacklevel: whoever makes the separator
            warnings.warn(f"{refused[0]}; using {file.file} instead", RuntimeWarning, stacklevel=3)
        return step
    if len(refused) == 1:
        raise refused[0]
    kinds = ", ".join(f"{file.graph} {file.precision}" for file in files)
    raise UnsupportedModelError(f"preset {preset}: none of {kinds} can be run; the first: {refused[0]}")


def _checked(block: npt.ArrayLike, num_channels: int | None, repair: bool = False) -> tuple[Array, int]:
    """Samples as float32, and how many of them were bad and are zero now."""
    x = np.asarray(block)
    if x.ndim != 2 or x.shape[1] == 0 or (num_channels and x.shape[1] != num_channels):
        expected = f"(samples, {num_channels or 'channels'})"
        raise AudioError(f"expected a waveform of shape {expected}. Received: shape {x.shape}")
    if not np.issubdtype(x.dtype, np.floating):
        raise AudioError(f"expected floating-point samples, full scale ±1. Received: dtype {x.dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        x = x.astype(np.float32, copy=False)
    good = np.abs(x) <= LOUDEST  # NaN is not
    if good.all():
        return x, 0
    if not repair:
        raise AudioError(f"expected finite samples, full scale ±1. Received: NaN, infinity or more than {LOUDEST:g}")
    return np.where(good, x, np.float32(0)), int(np.count_nonzero(~good))


def _make_folder(folder: Path, made: list[Path]) -> None:
    """Makes a folder and notes which ones were missing, deepest first."""
    try:
        made += [p for p in (folder, *folder.parents) if not p.exists()]
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(f"{folder}: cannot make the folder: {error.strerror}") from error


def _to_pairs(block: Array, pairs: list[list[int]]) -> Array:
    """(n, channels) → (n, 2 · pairs): a lone channel stands on both sides."""
    if len(pairs[-1]) == 2:
        return block
    return np.concatenate([block, block[:, -1:]], axis=1)


def _from_pairs(stems: Array, pairs: list[list[int]]) -> Array:
    """(sources, n, 2 · pairs) → (sources, n, channels): a lone channel is the mean of both sides."""
    channels = []
    for index, pair in enumerate(pairs):
        two = stems[..., 2 * index : 2 * index + 2]
        channels.append(two if len(pair) == 2 else two.mean(axis=-1, keepdims=True))
    return np.concatenate(channels, axis=-1)


__all__ = ["FORMATS", "Separator", "StreamingSeparator"]
