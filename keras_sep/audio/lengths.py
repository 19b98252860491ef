"""Length of a file's sound, as the file states it."""

from __future__ import annotations

import re
from typing import Any

import av

from keras_sep.audio.headers import Link
from keras_sep.audio.mp3 import FrameCount, samples_per_frame

# Containers by FFmpeg's names. Those in STAMPED state the length of their sound, and the time of each packet, to the
# sample; those in _EXACT state the length to the sample if the sound is PCM.
_EXACT = {"wav", "w64", "aiff", "au", "caf", "flac", "ogg", "mp3", "wv", "tta"}
STAMPED = {"flac", "ogg", "mp3", "wv", "tta"}
# Containers that state a rounded length, or one that includes the picture. For all others, FFmpeg guesses from sizes.
TIMED = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "asf", "flv", "avi", "ape"}
ROUNDED_S = 0.1  # more than any codec's padding and any container's rounding
# Shorter than a page. In an Ogg stream that begins in mid-block, FFmpeg and libvorbis count up to 3 ms differently.
OGG_COUNTED_S = 0.01


def is_exact(container: str, codec: str) -> bool:
    """Returns whether the length that a file states is exact to the sample.

    Args:
        container, codec: FFmpeg's names.

    Examples:
        >>> from keras_sep.audio.lengths import is_exact
        >>> is_exact("wav", "pcm_s16le"), is_exact("mov,mp4,m4a,3gp,3g2,mj2", "aac")
        (True, False)
    """
    return container in STAMPED or (container in _EXACT and codec.startswith("pcm_"))


def stated_s(
    container: Any, stream: Any, link: Link, count: FrameCount | None, sample_rate: int, begin_s: float
) -> float | None:
    """Returns the length of an audio stream in seconds, or None if the file does not state it.

    Args:
        container, stream: PyAV's objects.
        link: lengths from the headers that FFmpeg does not pass on.
        count: contents of an mp3's counting frame, or None.
        sample_rate: Hz.
        begin_s: time stamp of the first sample, in seconds.

    Examples:
        >>> import av
        >>> from keras_sep import example
        >>> from keras_sep.audio.headers import Link
        >>> from keras_sep.audio.lengths import stated_s
        >>> with av.open(example() / "mixture.flac") as container:
        ...     stated_s(container, container.streams.audio[0], Link(), None, 44100, begin_s=0.0)
        25.0
    """
    name = container.format.name
    length_s = float(stream.duration * stream.time_base) if stream.duration else None
    if name == "ogg":
        if link.num_samples is None:
            return None
        # A recording may begin in mid-stream, at `begin_s`; in a damaged stream the samples before that are missing.
        return link.num_samples / sample_rate - (begin_s if link.broken_at is None else 0)
    if name == "flac" and not _flac_samples(stream):
        return None
    if name == "mp3":  # FFmpeg would guess from the size
        if count is None:
            return None
        length_s = (count.frames * samples_per_frame(sample_rate) - count.delay - count.padding) / sample_rate
        return length_s if length_s > 0 else None
    is_even = name in ("wav", "w64") or (name == "caf" and stream.codec_context.name.startswith("pcm_"))
    if is_even and link.sound_bytes is not None and stream.bit_rate:
        return link.sound_bytes * 8 / stream.bit_rate
    if name in _EXACT:
        return length_s
    if name not in TIMED:
        return None
    if name == "avi" and stream.frames:  # FFmpeg's duration leaves out a missing end
        return float(stream.frames * stream.time_base)
    if length_s is None and (tag := _seconds(stream.metadata.get("DURATION", ""))) is not None:
        length_s = tag - begin_s
    if length_s is None and container.duration and len(container.streams) == 1:
        length_s = container.duration / av.time_base - begin_s
    return length_s


def _flac_samples(stream: Any) -> int:
    """Returns the number of samples in the STREAMINFO block; 0 means unknown."""
    info = stream.codec_context.extradata or b""
    return int.from_bytes(info[13:18], "big") & (2**36 - 1)


def _seconds(text: str) -> float | None:
    """Converts Matroska's "00:04:05.123000000" to seconds."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None
