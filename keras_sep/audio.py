"""Audio files in and out, block by block, so that memory does not grow with a song's length.

Reading: wav, flac, ogg, mp3 and the like through libsndfile; what it does not know (m4a, mp4, webm, files
that do not say how long they are) through the ffmpeg program where it is installed. Writing: beside the
target, then renamed.
Samples are float32 (samples, channels), full scale ±1.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import soundfile

from keras_sep.errors import AudioError

Array = npt.NDArray[np.float32]
BLOCK = 1 << 14  # samples, 0.4 s: what a stage works on stays in the cache

# 32-bit float never clips; 24 bits are more than any ear needs.
FORMATS = {"wav": ("WAV", "FLOAT"), "flac": ("FLAC", "PCM_24"), "ogg": ("OGG", "VORBIS")}
_RF64_BYTES = 2**32 - 2**20
_ENDLESS = 2**62  # what libsndfile takes for the length of a flac that does not say it
# Far above any audio, far below what overflows when squared: one such sample would stay in the states for ever.
LOUDEST = 1e12


def require_sample_rate(sample_rate: float, name: str) -> None:
    if not 1000 <= sample_rate <= 768000:
        raise AudioError(f"{name}: expected a sample rate from 1000 to 768000 Hz. Received: {sample_rate}")


class AudioReader:
    """Reads a file, or an excerpt of it, in blocks.

    Args:
        path: the file.
        start: seconds to leave out at the beginning, ≥ 0.
        duration: seconds to read, or None for all.

    Attributes:
        sample_rate: Hz.  num_channels: int.  num_samples: length of the excerpt, or None if unknown.

    Raises:
        AudioError: a missing, empty or foreign file; later, in `blocks`, a damaged one.
    """

    def __init__(self, path: str | os.PathLike[str], start: float = 0.0, duration: float | None = None):
        self.path = Path(path)
        if not (0 <= start < math.inf and (duration is None or 0 < duration < math.inf)):
            raise AudioError(
                f"{self.path}: expected a start of 0 s or more and a duration above 0 s. "
                f"Received: start {start} s, duration {duration}"
            )
        try:
            self._source = self._open()
        except OSError as error:  # also: permission, name too long
            raise AudioError(f"{self.path}: cannot read: {error.strerror or error}") from error
        self.sample_rate, self.num_channels = self._source.sample_rate, self._source.num_channels
        try:
            require_sample_rate(self.sample_rate, str(self.path))
            self._first = round(start * self.sample_rate)
            self._limit = None if duration is None else round(duration * self.sample_rate)
            self.num_samples = self._excerpt(self._source.num_samples)
            if self.num_samples == 0 and self._source.num_samples:
                length = self._source.num_samples / self.sample_rate
                raise AudioError(
                    f"{self.path}: expected a part of its {length:.3f} s that holds samples. "
                    f"Received: start {start:g} s, duration {duration}"
                )
        except AudioError:
            self.close()
            raise

    def blocks(self) -> Iterator[Array]:
        """Yields (≤ BLOCK, channels); raises AudioError at damage, NaN or infinity."""
        position, last = 0, None if self._limit is None else self._first + self._limit
        for block in self._source.blocks():
            fits = (np.abs(block) <= LOUDEST).all(axis=1)  # NaN does not
            if not fits.all():
                seconds = (position + int(np.argmin(fits))) / self.sample_rate
                raise AudioError(
                    f"{self.path}: expected finite samples. "
                    f"Received: NaN, infinity or more than {LOUDEST:g} at {seconds:.3f} s"
                )
            begin = max(0, self._first - position)
            end = len(block) if last is None else min(len(block), last - position)
            if begin < end:
                yield block[begin:end]
            position += len(block)
            if last is not None and position >= last:
                return

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> _SoundFile | _Ffmpeg:
        status = self.path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise AudioError(
                f"{self.path}: expected a file. Received: a {'folder' if self.path.is_dir() else 'device'}"
            )
        if status.st_size == 0:
            raise AudioError(f"{self.path}: expected audio. Received: an empty file")
        self.path.open("rb").close()  # libsndfile would not say that it was not allowed to
        try:
            return _SoundFile(self.path)
        except (soundfile.LibsndfileError, _Unsuited) as error:
            return _Ffmpeg(self.path, str(error) if isinstance(error, _Unsuited) else "cannot read it")

    def _excerpt(self, total: int | None) -> int | None:
        if total is None:
            return None
        rest = max(0, total - self._first)
        return rest if self._limit is None else min(rest, self._limit)


class _Unsuited(Exception):
    """A file that libsndfile opens but cannot be trusted with; says what it cannot do."""


class _Sequential(soundfile.SoundFile):
    """Read from front to back. Left to itself, soundfile seeks to where it is after every block, and libmpg123
    then decodes the next few hundred samples of an mp3 to silence."""

    def seekable(self) -> bool:
        return False


class _SoundFile:
    """libsndfile."""

    # It shortens a cut-off file without a word, except in its log: wav and au and aiff and w64, then rf64 and ogg.
    _SHORTENED = re.compile(r"(?:data|SSND|Data Size|riff)\s*: (\d+) \(should be (\d+)\)")
    _UNFINISHED = re.compile(r"does not match value from 'ds64'|end-of-stream bit", re.IGNORECASE)

    def __init__(self, path: Path):
        self._path = path
        try:
            self._file = _Sequential(_name(path))
        except TypeError as error:  # a name that ends in .raw
            raise _Unsuited("cannot read files without a header") from error
        try:
            self._check_whole()
        except BaseException:
            self._file.close()
            raise
        self.sample_rate, self.num_channels = self._file.samplerate, self._file.channels
        self.num_samples: int | None = self._file.frames if self._file.frames < _ENDLESS else None

    def _check_whole(self) -> None:
        log = self._file.extra_info or ""
        # It ends at the length it has guessed: a third of a song, for some mp3 files of variable bit rate.
        if self._file.format == "MP3" and not _says_its_length(self._path):
            raise _Unsuited("cannot tell its length")
        cut = self._SHORTENED.search(log)
        # Pipes write the largest size (ffmpeg) or one just below 2 GiB (sox, arecord).
        if cut and int(cut[2]) < int(cut[1]) < 0xFFFFFF00 and not 0x7FFF0000 <= int(cut[1]) <= 0x80000000:
            raise AudioError(f"{self._path}: the file is cut off: expected {cut[1]} bytes of audio. Received: {cut[2]}")
        if self._UNFINISHED.search(log):
            raise AudioError(f"{self._path}: the file is cut off: expected more than {self._file.frames} samples")

    def blocks(self) -> Iterator[Array]:
        position = 0
        while True:
            try:
                block = self._file.read(BLOCK, dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                where = position / self.sample_rate
                raise AudioError(f"{self._path}: the file is damaged after {where:.3f} s: {error}") from error
            if len(block) == 0:
                break
            position += len(block)
            yield block
        if self.num_samples and position < self.num_samples:
            raise AudioError(
                f"{self._path}: the file is cut off: expected {self.num_samples} samples. Received: {position}"
            )

    def close(self) -> None:
        self._file.close()


class _Ffmpeg:
    """The ffmpeg program, as a pipe of float32 samples; it may open local files only."""

    _LOCAL = ("-protocol_whitelist", "file,pipe")
    _GUESSED = ("mp3", "aac", "ac3", "eac3", "dts")  # bare streams: ffprobe's duration is size over bit rate

    def __init__(self, path: Path, reason: str):
        self._path = path
        if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
            raise AudioError(
                f"{path}: libsndfile {reason}, and ffmpeg, which reads m4a, mp4, webm and more, is not installed"
            )
        command = ["ffprobe", "-v", "error", *self._LOCAL, "-select_streams", "a:0", "-show_entries"]
        command += ["stream=sample_rate,channels,duration:format=duration,format_name", "-of", "json", f"file:{path}"]
        result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        try:
            answer = json.loads(result.stdout or "{}")
            stream = answer["streams"][0]
            self.sample_rate, self.num_channels = int(stream["sample_rate"]), int(stream["channels"])
        except (json.JSONDecodeError, LookupError, ValueError) as error:
            raise AudioError(
                f"{path}: expected an audio file. Received: one that libsndfile and ffmpeg cannot read"
            ) from error
        container = answer.get("format", {})
        duration = stream.get("duration") or container.get("duration")
        known = duration not in (None, "N/A") and container.get("format_name") not in self._GUESSED
        self.num_samples = round(float(duration) * self.sample_rate) if known else None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process: subprocess.Popen[bytes] | None = None

    def blocks(self) -> Iterator[Array]:
        command = ["ffmpeg", "-nostdin", "-v", "error", *self._LOCAL, "-i", f"file:{self._path}", "-map", "0:a:0"]
        command += ["-f", "f32le", "-ar", str(self.sample_rate), "-ac", str(self.num_channels), "pipe:1"]
        # In a session of its own, where Ctrl-C does not reach it: its end would look like a damaged file.
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        position, size = 0, BLOCK * 4 * self.num_channels
        while data := _read_fully(self._process.stdout, size):
            block = np.frombuffer(data[: len(data) // (4 * self.num_channels) * 4 * self.num_channels], "<f4")
            yield block.reshape(-1, self.num_channels)
            position += len(block) // self.num_channels
        code = self._process.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        # Containers round their duration; a tenth of a second is more than any codec's padding.
        short = self.num_samples is not None and position < self.num_samples - 0.1 * self.sample_rate
        if code or short:
            said = f" (ffmpeg: {re.sub(r'^(?:.* @ 0x.*?] )+', '', lines[-1])})" if lines else ""
            raise AudioError(f"{self._path}: the file is damaged after {position / self.sample_rate:.3f} s{said}")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
        self._errors.close()


def _name(path: Path) -> str | bytes:
    """A name that libsndfile takes; on POSIX a name is bytes and need not be text."""
    return os.fsencode(path) if os.name == "posix" else str(path)


def _says_its_length(path: Path) -> bool:
    """Whether an mp3's first frame is the one (Xing, Info or VBRI) that counts the others."""
    with path.open("rb") as file:
        head = file.read(10)
        if head.startswith(b"ID3"):  # its length comes in four times seven bits
            file.seek(sum((byte & 0x7F) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)), 1)
        else:
            file.seek(0)
        frame = file.read(2048)
    return any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))


def _read_fully(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


class AudioWriter:
    """Writes a file beside its target; `finish` and `commit` put it in place, anything else leaves no trace.

    Args:
        path: target.
        sample_rate: Hz.
        num_channels: int ≥ 1.
        format: "wav" (32-bit float), "flac" (24 bit) or "ogg" (Vorbis).
        num_samples: expected length, where known; a wav file of more than 4 GiB becomes RF64.
    """

    def __init__(self, path: Path, sample_rate: int, num_channels: int, format: str, num_samples: int | None = None):
        self.path = path
        self._part = path.with_name(f".{path.name}.{os.getpid()}.part")
        container, subtype = FORMATS[format]
        if container == "WAV" and (num_samples or 0) * num_channels * 4 > _RF64_BYTES:
            container = "RF64"
        self.num_clipped = self._written = 0
        self._clips = subtype != "FLOAT"
        self._file: soundfile.SoundFile | None = None
        self._format = {"samplerate": sample_rate, "channels": num_channels, "format": container, "subtype": subtype}
        self._what = f"{sample_rate} Hz, {num_channels} channels as {format}: "

    def open(self) -> None:
        """Creates the file beside the target. Not in the constructor: `abort` must be there before the file is."""
        try:
            self._file = soundfile.SoundFile(_name(self._part), "w", **self._format)
        except (soundfile.LibsndfileError, OSError) as error:
            self._part.unlink(missing_ok=True)
            raise self._failure(error, self._what) from error

    def write(self, block: Array) -> None:
        if self._clips:
            self.num_clipped += int(np.count_nonzero(np.abs(block) > 1.0))
            block = np.clip(block, -1.0, 1.0)
        assert self._file is not None, "open() comes first"
        try:
            self._file.write(block)
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:
            # soundfile asserts that all was written: it is not when the disk is full.
            raise self._failure(error) from error
        self._written += len(block)

    def finish(self) -> None:
        """Closes the file and makes sure that all of it is there."""
        assert self._file is not None, "open() comes first"
        try:
            self._file.close()
            with soundfile.SoundFile(_name(self._part)) as check:
                complete = check.frames == self._written
            if not complete:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._failure(error) from error

    def commit(self) -> None:
        """Puts the finished file in place."""
        try:
            self._part.replace(self.path)
        except OSError as error:
            raise self._failure(error) from error

    def abort(self) -> None:
        with contextlib.suppress(soundfile.LibsndfileError):  # a full disk fails once more
            if self._file is not None:
                self._file.close()
        self._part.unlink(missing_ok=True)

    def _failure(self, error: BaseException, what: str = "") -> AudioError:
        reason = getattr(error, "strerror", None) or str(error)
        if reason in ("", "System error."):  # libsndfile says no more
            reason = "is the disk full?"
        return AudioError(f"{self.path}: cannot write: {what}{reason}")
