"""Audio files, written block by block to a part file that replaces the target when it is complete."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
import soundfile

from keras_sep.audio.encoders import Encoder, FfmpegEncoder, VorbisEncoder
from keras_sep.audio.formats import FORMATS
from keras_sep.audio.limits import BLOCK, Array
from keras_sep.audio.parts import open_part, part_of
from keras_sep.audio.sink import Sink
from keras_sep.audio.tags import Cover
from keras_sep.audio.wav import WavEncoder
from keras_sep.errors import AudioError
from keras_sep.resampler import Resampler

CLIP_MODES = ("warn", "rescale", "clamp")


class AudioWriter:
    """Writer of an audio file, whose target appears when the file is complete, or not at all.

    The order of calls is `open`, `write` for each block, `end`, `finish`, `commit`; `abort` ends it at any point and
    removes what has been written.

    Args:
        path: target, or "-" for standard output, which gets a wav as it is written, other formats at `commit`.
        sample_rate: Hz; audio of a rate that the format cannot store is resampled, see `Format.sample_rates`.
        num_channels: int ≥ 1.
        format: name of one of FORMATS.
        num_samples: expected length in samples per channel, if known; only a wav on standard output needs it.
        bitrate: kbit/s; None for the format's default.
        clip_mode: treatment of samples beyond ±1 in a format that cannot store them. "clamp" clips them; "warn" clips
            them and adds a line to `warnings`; "rescale" multiplies all samples by the gain that `finish` gets.
        tags: tags by FFmpeg's names, as in `AudioReader.tags`; those that the format cannot store are left out.
        cover: picture; wav files leave it out.

    Attributes:
        path: target.
        peak: largest absolute sample so far, at the rate that is stored; complete after `end`.
        num_clipped: clipped samples so far, counted in each channel.
        gain: factor of all samples, other than 1 only with "rescale".
        clips: whether the format cannot store samples beyond ±1.
        warnings: lines for the user; complete after `finish`.

    Raises:
        AudioError: a sample rate, a number of channels or a bit rate that the format cannot store; from the methods, a
            file that cannot be written.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio import AudioReader, AudioWriter
        >>> writer = AudioWriter("tone.flac", 44100, 2, "flac", tags={"title": "Tone"})
        >>> try:
        ...     writer.open()
        ...     for block in np.zeros((10, 4410, 2), np.float32):
        ...         writer.write(block)
        ...     writer.finish()
        ...     writer.commit()
        ... except BaseException:
        ...     writer.abort()
        ...     raise
        >>> with AudioReader("tone.flac") as reader:
        ...     reader.num_samples, reader.tags
        (44100, {'title': 'Tone'})
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        sample_rate: int,
        num_channels: int,
        format: str = "wav",
        num_samples: int | None = None,
        bitrate: int | None = None,
        clip_mode: str = "warn",
        tags: Mapping[str, str] | None = None,
        cover: Cover | None = None,
    ):
        self.path = Path(path)
        self._is_stream = str(path) == "-"
        self._name = "standard output" if self._is_stream else str(path)
        if format not in FORMATS:
            raise AudioError(f"format: expected one of {', '.join(FORMATS)}. Received: {format!r}")
        if clip_mode not in CLIP_MODES:
            raise AudioError(f"clip mode: expected one of {', '.join(CLIP_MODES)}. Received: {clip_mode!r}")
        self._format = FORMATS[format]
        self.clips = self._format.clips
        self._format.require(sample_rate, num_channels, bitrate, self._name)
        self._bitrate = bitrate or self._format.bitrate_for(num_channels)
        self._num_channels, self._clip_mode = num_channels, clip_mode
        self._sample_rate, self._stored_rate = sample_rate, self._format.rate_for(sample_rate)
        self._expected = num_samples
        self._tags, self._cover = dict(tags or {}), cover
        self._part = part_of(self.path)
        self._kept_part = part_of(self.path.with_name(f"{self.path.name}.float"))
        self._file: BinaryIO | None = None
        self._kept: BinaryIO | None = None  # 32-bit float samples, until the gain is known
        self._encoder: Encoder | None = None
        self._sink: Sink | None = None  # for every encoder but wav's
        self._resample = Resampler(sample_rate, self._stored_rate, num_channels)
        self._received = self._stored = 0
        self._has_ended = False
        self.peak, self.num_clipped, self.gain = 0.0, 0, 1.0
        self.warnings: list[str] = []

    def open(self) -> None:
        """Creates the part file; not done by the constructor, so that `abort` exists before the file does."""
        with self._failures():
            self._file = self._open(self._part)
            if self._clip_mode == "rescale" and self._format.clips:
                self._kept = self._open(self._kept_part)
            self._encoder = self._start()

    def write(self, block: Array) -> None:
        """Writes the next samples (n, channels), n ≥ 0."""
        self._received += len(block)
        with self._failures():
            self._take(self._resampled(block))

    def end(self) -> None:
        """Says that there are no more samples: `peak` is complete, see `common_gain`. `finish` says it otherwise."""
        if not self._has_ended:
            self._has_ended = True
            with self._failures():
                self._take(self._resampled(np.zeros((0, self._num_channels), np.float32), last=True))

    def finish(self, gain: float = 1.0) -> None:
        """Completes the part file and flushes it to the disk.

        Args:
            gain: factor of all samples in the clip mode "rescale", see `common_gain`; ignored in the others.
        """
        assert self._encoder is not None, "open() comes first"
        assert self._file is not None
        self.end()
        with self._failures():
            if self._kept is not None:
                self.gain = gain
                self._kept.seek(0)
                while data := self._kept.read(BLOCK * self._num_channels * 4):
                    self._encode(np.frombuffer(data, "<f4").reshape(-1, self._num_channels) * np.float32(gain))
                self._close_kept()
            self._encoder.close()
            self._file.flush()
            if not self._is_stream:
                os.fsync(self._file.fileno())
        if self.num_clipped and self._clip_mode == "warn":
            self.warnings.append(
                f"{self._name}: {self.num_clipped} samples beyond full scale are clipped, the loudest of them by "
                f'{20 * np.log10(self.peak):.1f} dB; the clip mode "rescale" or the format "wav" keeps them'
            )

    def commit(self) -> None:
        """Renames the finished part file to the target, or sends it to standard output."""
        assert self._file is not None, "open() comes first"
        with self._failures():
            if self._is_stream:
                if self._format.container != "wav":
                    self._file.seek(0)
                    shutil.copyfileobj(self._file, sys.stdout.buffer)
                sys.stdout.buffer.flush()
                return
            if os.name != "posix":  # Windows cannot rename an open file; elsewhere the lock lasts until it is renamed
                self._file.close()
            self._part.replace(self.path)
            self._file.close()

    def keep(self) -> bool:
        """Puts a wav file in place that could not be written to its end, with all that is there.

        Returns:
            Whether it is one; another file is left as it is.
        """
        if not isinstance(self._encoder, WavEncoder) or self._is_stream or self._file is None:
            return False
        with contextlib.suppress(OSError):  # what could not be written cannot be now
            self._file.close()
        with self._failures():
            with self._part.open("rb+") as file:
                self._encoder.cut(file)
            self._part.replace(self.path)
        return True

    def abort(self) -> None:
        """Removes the part file; the target of a committed file stays."""
        with contextlib.suppress(OSError, av.FFmpegError, soundfile.LibsndfileError):  # a full disk fails again
            if self._encoder is not None and self._file is not None and not self._file.closed:
                self._encoder.close()
        self._encoder = None
        with contextlib.suppress(OSError):
            self._close_kept()
        if self._is_stream:
            return
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
            self._part.unlink(missing_ok=True)

    def _open(self, part: Path) -> BinaryIO:
        if not self._is_stream:
            return open_part(part)
        if self._format.container == "wav" and part == self._part:
            return cast(BinaryIO, _Unseekable(sys.stdout.buffer))
        return cast(BinaryIO, tempfile.TemporaryFile())

    def _start(self) -> Encoder:
        assert self._file is not None
        rate, channels = self._stored_rate, self._num_channels
        if self._format.container == "wav":
            samples = self._expected if self._is_stream else None
            return WavEncoder(self._file, self._format.codec, rate, channels, samples, self._tags)
        self._sink = Sink(self._file)
        if self._format.codec == "libvorbis":
            return VorbisEncoder(self._sink, rate, channels, self._tags, self._cover)
        return FfmpegEncoder(self._sink, self._format, rate, channels, self._bitrate, self._tags, self._cover)

    def _resampled(self, block: Array, last: bool = False) -> Array:
        """Returns samples at the stored rate; the last ones fill up the length."""
        if self._stored_rate == self._sample_rate:
            return block
        block = self._resample(block, last)
        if last:
            rest = round(self._received * self._stored_rate / self._sample_rate) - self._stored
            block = np.pad(block[:rest], ((0, max(0, rest - len(block))), (0, 0)))
        return block

    def _take(self, block: Array) -> None:
        """Encodes or keeps samples at the stored rate, at which more may be beyond full scale than at the other."""
        self.peak = max(self.peak, float(np.abs(block).max(initial=0)))
        self._stored += len(block)
        if self._kept is not None:
            self._kept.write(np.ascontiguousarray(block, "<f4").data)
        else:
            self._encode(block)

    def _encode(self, block: Array) -> None:
        assert self._encoder is not None, "open() comes first"
        if self._format.clips:
            self.num_clipped += int(np.count_nonzero(np.abs(block) > 1.0))
            block = np.clip(block, -1.0, 1.0)
        if len(block):
            self._encoder.write(block)

    def _close_kept(self) -> None:
        if self._kept is not None:
            kept, self._kept = self._kept, None
            try:
                kept.close()
            finally:
                if not self._is_stream:
                    self._kept_part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        """Turns errors of the system and of the libraries into AudioError."""
        try:
            yield
            if self._sink is not None and self._sink.error is not None:
                raise self._sink.error
        except BrokenPipeError:
            raise  # the reader of standard output has ended
        except (OSError, av.FFmpegError, soundfile.LibsndfileError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise AudioError(f"{self._name}: cannot write: {reason}") from error


def common_gain(writers: Iterable[AudioWriter]) -> float:
    """Returns the largest gain ≤ 1 at which no sample of these files is clipped.

    With one gain for all stems, they still add up to the song, which then is quieter.

    Args:
        writers: writers that have got all of their samples, up to `end`.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio import AudioWriter, common_gain
        >>> writers = [AudioWriter(f"{stem}.flac", 44100, 1, "flac", clip_mode="rescale") for stem in ("voice", "band")]
        >>> for writer, peak in zip(writers, (0.5, 2.0)):
        ...     writer.open()
        ...     writer.write(np.full((441, 1), peak, np.float32))
        ...     writer.end()
        >>> common_gain(writers)
        0.5
        >>> for writer in writers:
        ...     writer.abort()
    """
    return min((1 / writer.peak for writer in writers if writer.clips and writer.peak > 1), default=1.0)


class _Unseekable:
    """Standard output without seeking: it may be a file with earlier contents."""

    def __init__(self, file: BinaryIO):
        self.write, self.flush = file.write, file.flush

    def seekable(self) -> bool:
        return False
