"""Separation of arrays, files and streams into stems.

Waveforms are float arrays (samples, channels), full scale ±1. `Separator` takes whole arrays and files of any sample
rate and number of channels; its stems have the same length, and start at the same sample. `StreamingSeparator` takes
blocks of any size at the model's sample rate, and returns as many samples, which lag by `algorithmic_latency`. Both
compute the same numbers, to the bit.
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
from keras_sep.errors import AudioError, MissingModelError, ModelFileError, UnsupportedModelError
from keras_sep.outputs import FileOptions, Output, OutputFiles
from keras_sep.presets import DEFAULT_PRESET, get_preset
from keras_sep.resampler import Resampler
from keras_sep.runtime import StepModel

Array = npt.NDArray[np.float32]
Progress = Callable[[int, "int | None", int], None]  # samples done, samples in all or None, sample rate
_BLOCKS_AHEAD = 2  # enough to keep the network busy
_DEFAULTS = FileOptions()


class StreamingSeparator:
    """Separator of a stream, block by block as it arrives.

    Args:
        preset: name of a shipped model, see `keras_sep.list_presets`.
        model: path of a .tflite file to use instead of a preset.
        graph: "mask" or "waveform": the file of the preset to use. None for the preferred one.
        precision: "dynamic_int8" or "float16", likewise. With None for both, the preferred file is the mask graph in
            dynamic_int8 if there is one, or, with a RuntimeWarning, the next one that the installed runtime can run.
        repair: whether bad samples (NaN, infinity, beyond ±1e12) become zero and are counted; otherwise `push` refuses
            their block. Meant for the callback of a sound card, where an exception is of no use.

    Attributes:
        model: path of the .tflite file in use.
        spec: StreamSpec of the model.
        algorithmic_latency: lag of the stems in samples: 2048, or 46.4 ms, for the shipped models.
        step: StepModel, the network.
        repaired_samples: number of bad samples so far, counted in each channel.
        recoveries: number of steps at which the network's numbers were not finite and it started anew, with a gap of 12
            to 46 ms, see `StepModel`. `reset` and `flush` clear neither this counter nor `repaired_samples`.

    Raises:
        ModelFileError: an unknown preset, or a file that is missing or damaged or that the runtime cannot run.

    Examples:
        >>> import numpy as np
        >>> from keras_sep import StreamingSeparator
        >>> separator = StreamingSeparator("small")
        >>> stems = separator.push(np.zeros((480, 2), np.float32))
        >>> stems["vocals"].shape, stems["accompaniment"].shape
        ((480, 2), (480, 2))
        >>> separator.flush()["vocals"].shape  # the samples that were still inside
        (2048, 2)
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
        """Forgets the stream so far; the next block starts a new one."""
        self._engine.reset()
        # Silence replaces the engine's output before the first sample. It lasts one step longer than that, because the
        # engine works in whole steps: so there are always as many samples ready as have come in.
        shape = (len(self.spec.sources), self.algorithmic_latency, self.spec.num_channels)
        self._ready: Array = np.zeros(shape, np.float32)
        self._late = self.spec.stem_delay

    def push(self, block: npt.ArrayLike) -> dict[str, Array]:
        """Takes the next samples of the mixture and returns as many of each stem.

        Args:
            block: float array (n, channels) at `spec.sample_rate`, any n ≥ 0; finite unless `repair`.

        Returns:
            For each source, a new array (n, channels). Sample i of the stream comes out as sample
            i + algorithmic_latency; the first algorithmic_latency samples are silent.

        Raises:
            AudioError: an array of another shape or of integers, or bad samples unless `repair`; the stream goes on as
                if the block had not been pushed.
        """
        samples, repaired = _checked(block, self.spec.num_channels, self._repair)
        self.repaired_samples += repaired
        stems = self._engine.synthesise(self._engine.infer(self._engine.analyse(samples)))
        ready = np.concatenate([self._ready, stems[:, self._late :]], axis=1)
        self._late -= min(self._late, stems.shape[1])
        self._ready = ready[:, len(samples) :].copy()
        return {source: ready[i, : len(samples)].copy() for i, source in enumerate(self.spec.sources)}

    def flush(self) -> dict[str, Array]:
        """Returns the last `algorithmic_latency` samples of each stem, and starts a new stream."""
        stems = self.push(np.zeros((self.algorithmic_latency, self.spec.num_channels), np.float32))
        self.reset()
        return stems


class Separator:
    """Separator of whole arrays and files, at any sample rate.

    Channels: mono is separated as stereo with two equal sides, and comes out mono; more than two channels are separated
    in pairs in file order (1-2, 3-4, …), an odd last one as mono.

    Sample rates: audio of another rate than the model's is resampled, and so are the stems. If a model's stems add up
    to the mixture at its own rate, they do at every other rate, too: there the last source, the accompaniment, is the
    mixture minus the other stems. It therefore contains everything above the model's 22.05 kHz.

    Args:
        preset, model, graph, precision: as for `StreamingSeparator`.

    Attributes:
        model: path of the .tflite file in use.
        spec: StreamSpec of the model.
        metadata: contents of the model file's metadata.

    Raises:
        ModelFileError: an unknown preset, or a file that is missing or damaged, that the runtime cannot run, or whose
            model is not of two channels; `StreamingSeparator` takes any number.

    Examples:
        >>> import soundfile
        >>> from keras_sep import Separator, example
        >>> song, sample_rate = soundfile.read(example() / "mixture.flac", frames=44100)
        >>> separator = Separator("small")
        >>> stems = separator.separate(song, sample_rate)
        >>> stems["vocals"].shape == song.shape
        True
        >>> paths = separator.separate_file(example() / "mixture.flac", "stems", duration=1.0)
        >>> paths["accompaniment"].as_posix()
        'stems/accompaniment.wav'
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
        if step.spec.num_channels != 2:  # channels are separated in pairs
            raise ModelFileError(f"{step.path}: expected a model of 2 channels. Received: {step.spec.num_channels}")
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
            waveform: float array (samples, channels) or (samples,), at least one STFT frame (46.4 ms) long.
            sample_rate: Hz.
            progress: function that is called with (samples done, total samples, sample_rate).

        Returns:
            For each source, an array of the waveform's shape.

        Raises:
            AudioError: a waveform of another shape, of integers, too short, or with samples that are not finite.
            ModelFileError: the network's numbers were not finite on this waveform.
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
        """Separates a file into one file per stem, `folder`/vocals.wav and so on, in bounded memory.

        The files appear when all of them are complete.

        Args:
            path: audio file, also a film, see docs/guide/formats.md.
            folder: folder for the stems, made if needed; files of the same names are replaced.
            stems: names of the stems to write, some of `spec.sources`; None for all.
            format: "wav" (32-bit float), "wav16", "wav24", "flac", "ogg", "mp3", "m4a" or "opus".
            bitrate: kbit/s, for mp3, m4a and opus; None for the format's default.
            clip_mode: treatment of samples beyond full scale, which only "wav" stores: "warn" clips them, with a
                RuntimeWarning, "clamp" clips them, "rescale" makes all stems quieter by one gain instead.
            start, duration: excerpt to separate, in seconds; a duration of None goes to the end.
            strict: whether a damaged file is an error; otherwise damaged parts are left out, with a RuntimeWarning.
            progress: function that is called with (samples done, total samples or None, sample rate); an exception
                from it ends the separation.

        Returns:
            Path of each stem.

        Raises:
            AudioError: an input that cannot be read, or an output that cannot be written or would replace the input.
            ModelFileError: the network's numbers were not finite on this file.
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
        """Separates a file into any sums of its stems.

        Args:
            path: audio file, or "-" for standard input.
            outputs: files to write; they get the song's tags and cover.
            options: options for reading and writing.
            progress: as for `separate_file`.
            written: function that is called with each block (n, channels) of each output, before it is clipped or
                rescaled.
            before_commit: function that is called when all outputs are complete, before they appear; an exception from
                it discards them.

        Returns:
            Warnings: lines about damage of the input and about clipped samples.

        Raises:
            AudioError, ModelFileError: as for `separate_file`.
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
                        reader.num_samples if reader.is_exact else None,
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
                # Closed before the reader and the files are, because the network may be a few blocks behind.
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

        The network runs in a separate thread, a few blocks behind; everything else runs in the caller's.

        Args:
            blocks: float32 blocks of the mixture, of any sizes.
            sample_rate: Hz.
            num_channels: number of channels.

        Yields:
            Arrays with m ≥ 1; together they are as long as the mixture.

        Raises:
            RuntimeError: the separator is still busy with another separation.
            ModelFileError: the network's numbers were not finite on this audio; raised at the end.
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
        is_remainder = sample_rate != model_rate and self._adds_up  # the last stem is the mixture minus the others
        num_stems = len(spec.sources) - is_remainder  # that are resampled
        mixture = np.zeros((0, num_channels), np.float32)  # whose stems are still to come

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
        ending = [None]  # one more round, to empty the resampler
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
    """Opens the file that these arguments name; of several, the first that the installed runtime can run."""
    if model is not None:
        return StepModel(model)
    files = get_preset(preset).candidates(graph, precision)
    refused: list[UnsupportedModelError] = []
    missing = False
    for file in files:
        try:
            step = StepModel(file.path())
        except UnsupportedModelError as error:
            refused.append(error)
            continue
        except MissingModelError:
            if not refused:
                raise
            missing = True
            continue
        if refused:  # stacklevel: the line that makes the separator
            warnings.warn(f"{refused[0]}; using {file.file} instead", RuntimeWarning, stacklevel=3)
        return step
    if len(files) == 1:
        raise refused[0]
    kinds = ", ".join(f"{file.graph} {file.precision}" for file in files)
    fetch = f"; keras-sep fetch {preset} gets those that are not installed" if missing else ""
    raise UnsupportedModelError(f"preset {preset}: none of {kinds} can be run; the first: {refused[0]}{fetch}")


def _checked(block: npt.ArrayLike, num_channels: int | None, repair: bool = False) -> tuple[Array, int]:
    """Returns the samples as float32, and the number of bad ones, which are zero now."""
    x = np.asarray(block)
    if x.ndim != 2 or x.shape[1] == 0 or (num_channels and x.shape[1] != num_channels):
        expected = f"(samples, {num_channels or 'channels'})"
        raise AudioError(f"expected a waveform of shape {expected}. Received: shape {x.shape}")
    if not np.issubdtype(x.dtype, np.floating):
        raise AudioError(f"expected floating-point samples, full scale ±1. Received: dtype {x.dtype}")
    with np.errstate(over="ignore"):  # samples beyond float32 become infinite
        x = x.astype(np.float32, copy=False)
    good = np.abs(x) <= LOUDEST  # NaN is not
    if good.all():
        return x, 0
    if not repair:
        raise AudioError(f"expected finite samples, full scale ±1. Received: NaN, infinity or more than {LOUDEST:g}")
    return np.where(good, x, np.float32(0)), int(np.count_nonzero(~good))


def _mix(stems: Mapping[str, Array], gains: Mapping[str, float]) -> Array:
    """Adds up these stems, each times its gain."""
    first, *others = (stems[stem] * np.float32(gain) for stem, gain in gains.items())
    return sum(others, first)


def _to_pairs(block: Array, pairs: list[list[int]]) -> Array:
    """Converts (n, channels) to (n, 2 · pairs); a single channel is on both sides."""
    if len(pairs[-1]) == 2:
        return block
    return np.concatenate([block, block[:, -1:]], axis=1)


def _from_pairs(stems: Array, pairs: list[list[int]]) -> Array:
    """Converts (sources, n, 2 · pairs) to (sources, n, channels); a single channel is the mean of both sides."""
    channels = []
    for index, pair in enumerate(pairs):
        two = stems[..., 2 * index : 2 * index + 2]
        channels.append(two if len(pair) == 2 else two.mean(axis=-1, keepdims=True))
    return np.concatenate(channels, axis=-1)


__all__ = ["FORMATS", "Separator", "StreamingSeparator"]
