"""Audio files in and out, block by block, so that memory does not grow with a song's length.

Reading: wav, flac, ogg, mp3 and the like through libsndfile; what it does not know (m4a, mp4, webm)
through the ffmpeg program where it is installed. Writing: beside the target, then renamed.
Samples are float32 (samples, channels), full scale ±1.
"""

from __future__ import annotations

import json
import os
import re
import shutil
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
BLOCK = 1 << 13  # samples, 0.2 s: what a stage works on stays in the cache

# 32-bit float never clips; 24 bits are more than any ear needs.
FORMATS = {"wav": ("WAV", "FLOAT"), "flac": ("FLAC", "PCM_24"), "ogg": ("OGG", "VORBIS")}
_RF64_BYTES = 2**32 - 2**20


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
        if not self.path.is_file():
            raise AudioError(f"{self.path}: {'is a folder, not a file' if self.path.is_dir() else 'no such file'}")
        if self.path.stat().st_size == 0:
            raise AudioError(f"{self.path}: expected audio. Received: an empty file")
        self._source: _SoundFile | _Ffmpeg
        try:
            self._source = _SoundFile(self.path)
        except soundfile.LibsndfileError as error:
            if not os.access(self.path, os.R_OK):
                raise AudioError(f"{self.path}: cannot read: permission denied") from error
            self._source = _Ffmpeg(self.path, str(error))
        self.sample_rate, self.num_channels = self._source.sample_rate, self._source.num_channels
        if not 1000 <= self.sample_rate <= 768000:
            raise AudioError(
                f"{self.path}: expected a sample rate from 1000 to 768000 Hz. Received: {self.sample_rate}"
            )
        self._first = round(start * self.sample_rate)
        self._limit = None if duration is None else max(0, round(duration * self.sample_rate))
        self.num_samples = self._excerpt(self._source.num_samples)
        if self.num_samples == 0 and self._source.num_samples:
            raise AudioError(
                f"{self.path}: expected --start below its {self._source.num_samples / self.sample_rate:.3f} s "
                f"and a --duration above 0. Received: start {start:g} s, duration {duration}"
            )

    def blocks(self) -> Iterator[Array]:
        """Yields (≤ BLOCK, channels); raises AudioError at damage, NaN or infinity."""
        position, last = 0, None if self._limit is None else self._first + self._limit
        for block in self._source.blocks():
            if not np.all(np.isfinite(block)):
                seconds = (position + int(np.argmax(~np.isfinite(block).all(axis=1)))) / self.sample_rate
                raise AudioError(
                    f"{self.path}: expected finite samples. Received: NaN or infinity at {seconds:.3f} s"
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

    def _excerpt(self, total: int | None) -> int | None:
        if total is None:
            return None
        rest = max(0, total - self._first)
        return rest if self._limit is None else min(rest, self._limit)


class _SoundFile:
    """libsndfile."""

    def __init__(self, path: Path):
        self._path = path
        self._file = soundfile.SoundFile(path)
        self.sample_rate, self.num_channels = self._file.samplerate, self._file.channels
        self.num_samples: int | None = self._file.frames
        # libsndfile shortens a cut-off file without a word, except in its log.
        cut = re.search(r"data\s*:\s*(\w+) \(should be (\d+)\)", self._file.extra_info or "")
        if cut and int(cut[2]) < int(cut[1], 0) < 0xFFFFFF00:  # ffmpeg's pipes write the largest size
            self._file.close()
            raise AudioError(
                f"{path}: the file is cut off: expected {int(cut[1], 0)} bytes of audio. Received: {cut[2]}"
            )

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

    def __init__(self, path: Path, reason: str):
        self._path = path
        if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
            raise AudioError(
                f"{path}: libsndfile cannot read it, and ffmpeg, which reads m4a, mp4 or webm, is not installed"
            )
        command = ["ffprobe", "-v", "error", *self._LOCAL, "-select_streams", "a:0", "-show_entries"]
        command += ["stream=sample_rate,channels,duration:format=duration", "-of", "json", f"file:{path}"]
        result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        try:
            answer = json.loads(result.stdout or "{}")
            stream = answer["streams"][0]
            self.sample_rate, self.num_channels = int(stream["sample_rate"]), int(stream["channels"])
        except (json.JSONDecodeError, LookupError, ValueError) as error:
            raise AudioError(
                f"{path}: expected an audio file. Received: one that libsndfile and ffmpeg cannot read"
            ) from error
        duration = stream.get("duration") or answer.get("format", {}).get("duration")
        self.num_samples = round(float(duration) * self.sample_rate) if duration not in (None, "N/A") else None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process: subprocess.Popen[bytes] | None = None

    def blocks(self) -> Iterator[Array]:
        command = ["ffmpeg", "-nostdin", "-v", "error", *self._LOCAL, "-i", f"file:{self._path}"]
        command += [
            "-map",
            "0:a:0",
            "-f",
            "f32le",
            "-ar",
            str(self.sample_rate),
            "-ac",
            str(self.num_channels),
            "pipe:1",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._errors, stdin=subprocess.DEVNULL)
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
            said = f" (ffmpeg: {lines[-1]})" if lines else ""
            raise AudioError(f"{self._path}: the file is damaged after {position / self.sample_rate:.3f} s{said}")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout:
                self._process.stdout.close()
        self._errors.close()


def _read_fully(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


class AudioWriter:
    """Writes a file beside its target; `commit` renames it into place, anything else leaves no trace.

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
        try:
            self._file = soundfile.SoundFile(
                self._part, "w", samplerate=sample_rate, channels=num_channels, format=container, subtype=subtype
            )
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._failure(error, f"{sample_rate} Hz, {num_channels} channels as {format}: ") from error

    def write(self, block: Array) -> None:
        if self._clips:
            self.num_clipped += int(np.count_nonzero(np.abs(block) > 1.0))
            block = np.clip(block, -1.0, 1.0)
        try:
            self._file.write(block)
        except (soundfile.LibsndfileError, OSError, AssertionError) as error:
            # soundfile asserts that all was written: it is not when the disk is full.
            raise self._failure(error) from error
        self._written += len(block)

    def commit(self) -> None:
        """Closes the file, makes sure that all of it is there, and puts it in place."""
        try:
            self._file.close()
            with soundfile.SoundFile(self._part) as check:
                complete = check.frames == self._written
            if not complete:
                raise OSError(28, "No space left on device")
            self._part.replace(self.path)
        except (soundfile.LibsndfileError, OSError) as error:
            raise self._failure(error) from error

    def abort(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _failure(self, error: BaseException, what: str = "") -> AudioError:
        self._part.unlink(missing_ok=True)
        reason = getattr(error, "strerror", None) or str(error) or "the disk is full"
        return AudioError(f"{self.path}: cannot write: {what}{reason}")
