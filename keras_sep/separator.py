"""Arrays, blocks and files in, stems out.

Waveforms are float (samples, channels), full scale ±1. `StreamingSeparator` takes blocks of any size
at the model's sample rate and returns as many samples, late by `algorithmic_latency`. `Separator`
takes whole arrays and files of any sample rate and channel count; its stems are aligned to the input
to the sample, and have its length and sample rate. Both compute the same bits.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_sep.audio import BLOCK, FORMATS, LOUDEST, AudioReader, AudioWriter, require_sample_rate
from keras_sep.engine import build_engine, stems_add_up
from keras_sep.errors import AudioError, ModelFileError, UnsupportedModelError
from keras_sep.outputs import FileOptions, Output, OutputFiles
from keras_sep.presets import DEFAULT_PRESET, get_preset
from keras_sep.resampler import Resampler
from keras_sep.runtime import StepModel

Array = npt.NDArray[np.float32]
Progress = Callable[[int, "int | None", int], None]  # samples done, samples in all or None, sample rate
_BLOCKS_AHEAD = 2  # enough to keep the network busy
_DEFAULTS = FileOptions()


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

    Sample rates: if a model's stems add up to the mixture at its own rate, they do at every other one, too: there the
    last source, the accompaniment, is what the others leave of the mixture. It holds all that the model does not hear,
    above 22.05 kHz.

    Args:
        preset, model, graph, precision: as for `StreamingSeparator`.

    Attributes:
        model, spec: as there.
        metadata: everything the model file says about itself.
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
        self.model, self.metadata = step.path, step.metadata
        self._engines = [build_engine(step)]
        self.spec = step.spec
        self._free = threading.Lock()

    @functools.cached_property
    def _adds_up(self) -> bool:
        return len(self.spec.sources) > 1 and stems_add_up(self._engines[0].step)

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
        bitrate: int | None = None,
        clip_mode: str = "warn",
        start: float = 0.0,
        duration: float | None = None,
        strict: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Path]:
        """Separates a file into `folder`/<stem>.<format>, block by block.

        Args:
            path: audio file.
            folder: made if needed; stems of the same name are replaced.
            stems: which of `spec.sources`; None for all.
            format: "wav" (32-bit float), "wav16", "wav24", "flac", "ogg", "mp3", "m4a" or "opus".
            bitrate: kbit/s, of mp3, m4a and opus.
            clip_mode: what becomes of samples beyond full scale, where the format cannot hold them: "warn" and "clamp"
                clip them, "rescale" makes all stems less loud by the same gain.
            start, duration: seconds; the excerpt to separate.
            strict: refuse a damaged file, of which otherwise what is there is separated, with a RuntimeWarning.
            progress: called with (samples done, samples in all or None, sample rate); may raise to stop.

        Returns:
            Path of each stem. They are put in place when all of them are complete.

        Raises:
            AudioError: an input that cannot be read, an output that cannot be written or would replace the input.
            ModelFileError: the network was not finite on it.
        """
        wanted = list(self.spec.sources if stems is None else stems)
        if not wanted or not set(wanted) <= set(self.spec.sources):
            raise AudioError(f"stems: expected some of {', '.join(self.spec.sources)}. Received: {wanted}")
        if format not in FORMATS:
            raise AudioError(f"format: expected one of {', '.join(FORMATS)}. Received: {format!r}")
        outputs = [Output(Path(folder) / f"{stem}{FORMATS[format].suffix}", {stem: 1.0}) for stem in wanted]
        options = FileOptions(format, bitrate, clip_mode, start, duration, strict)
        for warning in self.separate_into(path, outputs, options, progress=progress):
            warnings.warn(warning, RuntimeWarning, stacklevel=2)
        return {stem: output.path for stem, output in zip(wanted, outputs, strict=True)}

    def separate_into(
        self,
        path: str | os.PathLike[str],
        outputs: Sequence[Output],
        options: FileOptions = _DEFAULTS,
        *,
        progress: Progress | None = None,
        written: Callable[[Mapping[Path, Array]], None] = lambda blocks: None,
        before_commit: Callable[[], None] = lambda: None,
    ) -> list[str]:
        """Separates a file into any files that its stems can be added up to.

        Args:
            path: audio file, or "-" for standard input.
            outputs: what to write where; the song's tags and cover are carried over.
            progress: as for `separate_file`.
            written: called with each block (n, channels) of each output, before it is clipped or rescaled.
            before_commit: called when all outputs are complete, before they are put in place.

        Returns:
            Warnings: one line for each damage of the input, and for samples that were clipped.

        Raises:
            AudioError, ModelFileError: as `separate_file`; no output is in place then.
        """
        with AudioReader(path, options.start, options.duration, strict=options.strict) as reader:
            if reader.num_samples is not None:
                self._require_frame(reader.num_samples, reader.sample_rate, str(path))
            files = OutputFiles(
                {
                    str(output.path): AudioWriter(
                        output.path,
                        reader.sample_rate,
                        reader.num_channels,
                        options.format,
                        reader.num_samples,
                        bitrate=options.bitrate,
                        clip_mode=options.clip_mode,
                        tags=reader.tags,
                        cover=reader.cover,
                    )
                    for output in outputs
                }
            )
            for output in outputs:
                if os.path.exists(output.path) and os.path.exists(path) and os.path.samefile(output.path, path):
                    raise AudioError(f"{output.path}: cannot write: it is the input; choose another folder")
            try:
                files.open()
                done = 0
                # Closed before the reader is, and before the files are: the network may be a few blocks behind.
                with contextlib.closing(
                    self.separate_blocks(reader.blocks(), reader.sample_rate, reader.num_channels)
                ) as separated:
                    for part in separated:
                        stems = dict(zip(self.spec.sources, part, strict=True))
                        mixed = {output.path: _mix(stems, output.gains) for output in outputs}
                        files.write({str(path): block for path, block in mixed.items()})
                        written(mixed)
                        done += part.shape[1]
                        if progress:
                            progress(done, reader.num_samples, reader.sample_rate)
                self._require_frame(done, reader.sample_rate, str(path))
                files.finish()
                before_commit()
                files.commit()
            except BaseException:
                files.abort()
                raise
            return [*reader.warnings, *files.warnings]

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
        is_remainder = sample_rate != model_rate and self._adds_up  # the last stem
        num_stems = len(spec.sources) - is_remainder  # of the network's, that are resampled
        mixture = np.zeros((0, num_channels), np.float32)  # that the stems have not come to yet

        def analysed() -> Iterator[list[Any]]:
            nonlocal received, mixture
            resample = Resampler(sample_rate, model_rate, width)
            for block in blocks:
                received += len(block)
                if is_remainder:
                    mixture = np.concatenate([mixture, block])
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

        resample_back = Resampler(model_rate, sample_rate, num_stems * width)
        late, sent = spec.stem_delay, 0
        recoveries = sum(e.step.recoveries for e in engines)
        ending = [None]  # one round more, to empty the resampler
        with contextlib.closing(inferred()) as results:
            for frames in itertools.chain(results, ending):
                if frames is None:
                    stems = np.zeros((num_stems, 0, width), np.float32)
                else:
                    parts = [e.synthesise(f) for e, f in zip(engines, frames, strict=True)]
                    stems = np.concatenate(parts, axis=2)[:num_stems, late:]
                    late -= min(late, parts[0].shape[1])
                flat = np.moveaxis(stems, 0, 1).reshape(stems.shape[1], num_stems * width)
                flat = resample_back(flat, last=frames is None)
                stems = np.moveaxis(flat.reshape(len(flat), num_stems, width), 1, 0)
                if frames is None or sent + stems.shape[1] > received:
                    short = received - sent - stems.shape[1]
                    stems = np.pad(stems, ((0, 0), (0, max(0, short)), (0, 0)))[:, : received - sent]
                length = stems.shape[1]
                sent += length
                if not length:
                    continue
                stems = _from_pairs(stems, pairs)
                if is_remainder:
                    stems = np.concatenate([stems, [mixture[:length] - stems.sum(axis=0)]])
                    mixture = mixture[length:]
                yield stems
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


def _mix(stems: Mapping[str, Array], gains: Mapping[str, float]) -> Array:
    """The sum of these stems, each with its gain."""
    first, *others = (stems[stem] * np.float32(gain) for stem, gain in gains.items())
    return sum(others, first)


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
