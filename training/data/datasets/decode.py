"""Audio files and container streams as blocks of samples; memory does not grow with the length of a song."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from training.data.datasets.track import Source

Block = npt.NDArray[np.float32]
BLOCK_SAMPLES = 1 << 17  # 3 s at 44100 Hz
PADDING_S = 0.1  # coders pad to whole blocks: differences of length up to this are cut off


class Unreadable(ValueError):
    """A track that cannot be used; the message names the file."""


def blocks(source: Source, sample_rate: int) -> Iterator[Block]:
    """Decodes `source` at `sample_rate` Hz into float32 blocks (samples, 1 or 2); full scale is 1, the gain applied.

    Raises:
        Unreadable: if the file is missing, broken, empty, or ends more than 0.1 s before the length that it states.
    """
    if not source.path.is_file():
        raise Unreadable(f"{source.path}: no such file")
    rate, expected, raw = _file(source.path) if source.stream is None else _stream(source.path, source.stream)
    resampler: soxr.ResampleStream | None = None
    decoded = 0
    for block in raw:
        decoded += len(block)
        if not np.isfinite(block).all():
            raise Unreadable(f"{source.path}: holds samples that are not finite")
        block = block[:, :2] * np.float32(source.gain)
        if rate != sample_rate:
            resampler = resampler or soxr.ResampleStream(rate, sample_rate, block.shape[1], dtype="float32")
            block = resampler.resample_chunk(np.ascontiguousarray(block)).reshape(-1, block.shape[1])
        yield block
    if decoded == 0:
        raise Unreadable(f"{source.path}: holds no samples")
    if expected - decoded > PADDING_S * rate:
        raise Unreadable(f"{source.path}: ends after {decoded / rate:.1f} s of {expected / rate:.1f} s")
    if resampler:
        channels = block.shape[1]
        yield resampler.resample_chunk(np.zeros((0, channels), np.float32), last=True).reshape(-1, channels)


def _file(path: Path) -> tuple[int, int, Iterator[Block]]:
    """(sample rate, samples, blocks) of a file that libsndfile reads."""
    try:
        info = soundfile.info(path)
    except (RuntimeError, OSError) as error:
        raise Unreadable(f"{path}: not a readable audio file ({_one_line(error)})") from error

    def read() -> Iterator[Block]:
        try:
            yield from soundfile.blocks(path, BLOCK_SAMPLES, dtype="float32", always_2d=True)
        except (RuntimeError, OSError) as error:
            raise Unreadable(f"{path}: not a readable audio file ({_one_line(error)})") from error

    return info.samplerate, info.frames, read()


def _stream(path: Path, stream: int) -> tuple[int, int, Iterator[Block]]:
    """(sample rate, samples, blocks) of one stream of a container, as musdb decodes it: 16 bit, at its own rate.

    The pipe is ours because stempeg returns whole stems as float64 and takes what a broken file gives for the whole.
    """
    import ffmpeg
    import stempeg

    try:
        info = stempeg.Info(str(path))
    except ffmpeg.Error as error:
        raise Unreadable(f"{path}: not a readable container ({_one_line(error.stderr.decode())})") from error
    if stream >= info.nb_audio_streams:
        raise Unreadable(f"{path}: expected an audio stream {stream}. Received: {info.nb_audio_streams} streams")
    rate, channels, expected = info.sample_rate(stream), info.channels(stream), info.duration(stream)

    def read() -> Iterator[Block]:
        # -xerror ends at the first broken packet, and the length tells: coders may stumble over the very last one.
        command = ["ffmpeg", "-v", "error", "-xerror", "-nostdin", "-i", str(path), "-map", f"0:{stream}"]
        command += ["-f", "s16le", "-"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            while data := process.stdout.read(BLOCK_SAMPLES * channels * 2):
                whole = len(data) - len(data) % (2 * channels)
                yield np.frombuffer(data[:whole], "<i2").reshape(-1, channels).astype(np.float32) / np.float32(32768)

    return rate, round(expected * rate), read()


def _one_line(error: object) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else "no message"
