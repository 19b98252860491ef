"""Audio files of any format, read block by block."""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from keras_sep.audio.decoder import Decoder
from keras_sep.audio.headers import links
from keras_sep.audio.limits import BLOCK, LOUDEST, Array, require_sample_rate
from keras_sep.audio.tags import Cover
from keras_sep.audio.view import View
from keras_sep.errors import AudioError
from keras_sep.resampler import Resampler

_COPIED_AT_ONCE = 1 << 20  # bytes


class AudioReader:
    """Reader of an audio file, or of an excerpt of it, in blocks.

    Damaged parts are left out, and described in `warnings`. Where the sound of a film begins later than its picture,
    it is preceded by silence.

    Args:
        path: audio file, or "-" for standard input; a pipe is read to its end first, because it cannot seek.
        start: seconds to leave out at the beginning, ≥ 0.
        duration: seconds to read, > 0, or None to read to the end.
        strict: whether a damaged file is an error.
        track: number of the audio stream in the file, from 0.

    Attributes:
        sample_rate: Hz.
        num_channels: number of channels.
        num_samples: length of the excerpt in samples per channel as the file states it, or None.
        is_exact: whether that is the number of samples to come, and not a rounded one.
        tags: tags that a stem takes over, by FFmpeg's names ("title", "artist", …).
        cover: Cover, or None.
        warnings: lines for the user about damage; complete when `blocks` has ended.

    Raises:
        AudioError: a file that is missing, empty or without decodable sound, or an excerpt without samples.

    Examples:
        >>> from keras_sep import example
        >>> from keras_sep.audio import AudioReader
        >>> with AudioReader(example() / "mixture.flac", start=10, duration=0.5) as reader:
        ...     blocks = list(reader.blocks())
        >>> reader.sample_rate, reader.num_channels, reader.num_samples, sum(len(block) for block in blocks)
        (44100, 2, 22050, 22050)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        start: float = 0.0,
        duration: float | None = None,
        *,
        strict: bool = False,
        track: int = 0,
    ):
        self.path = Path(path)
        self._name = "standard input" if str(path) == "-" else str(path)
        if not (0 <= start < math.inf and (duration is None or 0 < duration < math.inf)):
            raise AudioError(
                f"{self._name}: expected a start of 0 s or more and a duration above 0 s. "
                f"Received: start {start} s, duration {duration}"
            )
        self._strict, self._track = strict, track
        self.warnings: list[str] = []
        self._damage = _Damage()
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(self._open())
            if not self._file.seek(0, 2):
                raise AudioError(f"{self._name}: expected audio. Received: an empty file")
            self._links = links(self._file)
            self._decoder = decoder = stack.enter_context(contextlib.closing(self._next_decoder(0)))
            self.sample_rate, self.num_channels = decoder.sample_rate, decoder.num_channels
            self.tags: dict[str, str] = decoder.tags
            self.cover: Cover | None = decoder.cover
            require_sample_rate(self.sample_rate, self._name)
            self._silence = round(decoder.delay_s * self.sample_rate)
            # 2**60 is beyond any file, and fits the 64 bits that numpy and soxr count with.
            self._first = round(min(start * self.sample_rate, 2.0**60))
            self._limit = None if duration is None else round(min(duration * self.sample_rate, 2.0**60))
            whole = self._whole()
            self.num_samples = self._excerpt(whole)
            self.is_exact = self.num_samples is not None and decoder.is_exact
            if self.num_samples == 0 and whole:
                raise AudioError(
                    f"{self._name}: expected a part of its {whole / self.sample_rate:.3f} s that holds samples. "
                    f"Received: start {start:g} s, duration {duration}"
                )
            self._open_files = stack.pop_all()

    def blocks(self) -> Iterator[Array]:
        """Yields new arrays (n, channels), 1 ≤ n ≤ BLOCK; can be called once.

        Raises:
            AudioError: NaN, infinity or a sample beyond ±LOUDEST; damage, at the end, if `strict`.
        """
        position, last = 0, None if self._limit is None else self._first + self._limit
        with contextlib.closing(self._sound()) as sound:
            for block in _regular(sound, self.num_channels):
                begin = max(0, self._first - position)
                end = len(block) if last is None else min(len(block), last - position)
                part = block[begin:end]
                fits = np.abs(part) <= LOUDEST  # NaN does not
                if not fits.all():
                    seconds = (position + begin + int(np.argmin(fits.all(axis=1)))) / self.sample_rate
                    raise AudioError(
                        f"{self._name}: expected finite samples. "
                        f"Received: NaN, infinity or more than {LOUDEST:g} at {seconds:.3f} s"
                    )
                if len(part):
                    yield part
                position += len(block)
                if last is not None and position >= last:
                    break
        if problem := self._damage.line():
            if self._strict:
                raise AudioError(f"{self._name}: {problem}")
            self.warnings.append(f"{self._name}: {problem}")

    def close(self) -> None:
        """Closes the file."""
        self._open_files.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> contextlib.AbstractContextManager[BinaryIO]:
        if self._name == "standard input":
            if sys.stdin is None or sys.stdin.isatty():
                raise AudioError("standard input: expected audio. Received: a terminal")
            return _seekable(sys.stdin.buffer)
        try:
            status = self.path.stat()
            if not stat.S_ISREG(status.st_mode):
                kind = "folder" if stat.S_ISDIR(status.st_mode) else "device"
                raise AudioError(f"{self.path}: expected a file. Received: a {kind}")
            return self.path.open("rb")
        except OSError as error:  # missing, not permitted, name too long
            raise AudioError(f"{self.path}: cannot read: {error.strerror or error}") from error

    def _next_decoder(self, index: int) -> Decoder:
        link = self._links[index]
        try:
            return Decoder(View(self._file, link.start, link.end, link.patches), link, self._track)
        except AudioError as error:
            raise AudioError(f"{self._name}: {error}") from error

    def _whole(self) -> int | None:
        """Returns the samples of the whole file, with the silence before them, or None if it does not state them."""
        if len(self._links) > 1 or self._decoder.stated_s is None:
            return None
        return round(self._decoder.stated_s * self.sample_rate) + self._silence

    def _excerpt(self, whole: int | None) -> int | None:
        if whole is None:
            return None
        rest = max(0, whole - self._first)
        return rest if self._limit is None else min(rest, self._limit)

    def _sound(self) -> Generator[Array, None, None]:
        """Yields the sound of all links, converted to the sample rate and the number of channels of the first."""
        for begin in range(0, self._silence, BLOCK):
            yield np.zeros((min(BLOCK, self._silence - begin), self.num_channels), np.float32)
        convert = _Converter(self.sample_rate, self.num_channels)
        for index, link in enumerate(self._links):
            if index > 0:
                try:
                    self._decoder = self._next_decoder(index)
                except AudioError:
                    self._damage.places.append(self._damage.decoded_s)
                    continue
            with contextlib.closing(self._decoder) as decoder:
                try:
                    for rate, samples in decoder.blocks():
                        yield from convert(rate, samples)
                    self._damage.missing_s += decoder.missing_s()
                    self._damage.is_cut |= link.is_cut
                finally:
                    self._damage.places += [self._damage.decoded_s + place for place in decoder.damage]
                    self._damage.decoded_s += decoder.decoded_s
        yield from convert.end()


def _seekable(stream: BinaryIO) -> contextlib.AbstractContextManager[BinaryIO]:
    """Returns the stream itself if it can seek, otherwise a temporary copy of its contents."""
    if stream.seekable():
        return contextlib.nullcontext(stream)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        # From the raw stream: a thread that waits for a buffered one keeps its lock, and Python could not exit.
        shutil.copyfileobj(getattr(stream, "raw", stream), file, _COPIED_AT_ONCE)
    except BaseException as error:
        file.close()
        if isinstance(error, OSError):
            raise AudioError(f"standard input: cannot be kept in {tempfile.gettempdir()}: {error.strerror}") from error
        raise
    return file


@dataclass
class _Damage:
    """Damage of a file.

    Attributes:
        decoded_s: seconds decoded.
        places: where something is left out, in decoded seconds.
        missing_s: seconds missing of the length that the file states.
        is_cut: whether an unknown length is missing at the end.
    """

    decoded_s: float = 0.0
    places: list[float] = field(default_factory=list)
    missing_s: float = 0.0
    is_cut: bool = False

    def line(self) -> str | None:
        """Describes what is missing and where; returns None if nothing is."""
        if not (self.places or self.missing_s or self.is_cut):
            return None
        where = f"the file is damaged at {self.places[0]:.3f} s" if self.places else ""
        if len(self.places) > 1:
            where += f" and {len(self.places) - 1} more place{'s' * (len(self.places) > 2)}"
        if not where:
            where = f"the file is cut off after {self.decoded_s:.3f} s"
        if not self.missing_s:
            return f"{where}; it does not say how much is missing"
        missing = f"{self.missing_s:.3f} s" if self.missing_s >= 0.0005 else f"{1000 * self.missing_s:.3f} ms"
        if self.is_cut:
            return f"{where}; at least {missing} are missing"
        return f"{where}; {missing} of {self.decoded_s + self.missing_s:.3f} s are missing"


class _Converter:
    """Converter of blocks to one sample rate and number of channels."""

    def __init__(self, sample_rate: int, num_channels: int):
        self._sample_rate, self._num_channels = sample_rate, num_channels
        self._rate = sample_rate
        self._resample = Resampler(sample_rate, sample_rate, num_channels)

    def __call__(self, rate: int, samples: Array) -> Iterator[Array]:
        if rate != self._rate:
            yield from self.end()
            self._rate, self._resample = rate, Resampler(rate, self._sample_rate, self._num_channels)
        channels = samples.shape[1]
        if channels == 1 or self._num_channels == 1:
            with np.errstate(over="ignore", invalid="ignore"):  # what is no sound is refused later
                samples = np.repeat(samples.mean(axis=1, keepdims=True), self._num_channels, axis=1)
        elif channels != self._num_channels:
            samples = np.pad(samples, ((0, 0), (0, max(0, self._num_channels - channels))))[:, : self._num_channels]
        yield self._resample(samples)

    def end(self) -> Iterator[Array]:
        if self._rate != self._sample_rate:
            yield self._resample(np.zeros((0, self._num_channels), np.float32), last=True)


def _regular(parts: Iterable[Array], num_channels: int) -> Iterator[Array]:
    """Yields the samples of all parts in new arrays of BLOCK samples, the last of which may be shorter."""
    block, filled = np.empty((BLOCK, num_channels), np.float32), 0
    for part in parts:
        while len(part):
            count = min(len(part), BLOCK - filled)
            block[filled : filled + count] = part[:count]
            part, filled = part[count:], filled + count
            if filled == BLOCK:
                yield block
                block, filled = np.empty_like(block), 0
    if filled:
        yield block[:filled]
