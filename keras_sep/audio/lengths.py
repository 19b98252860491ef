"""How long a file says that its sound is."""

from __future__ import annotations

import re
from typing import Any

import av

from keras_sep.audio.headers import Link
from keras_sep.audio.mp3 import FrameCount, samples_per_frame

# By FFmpeg's names. Containers that state the length of their sound to the sample, if it is PCM or they are STAMPED …
_EXACT = {"wav", "w64", "aiff", "au", "caf", "flac", "ogg", "mp3", "wv", "tta"}
STAMPED = {"flac", "ogg", "mp3", "wv", "tta"}  # with time stamps to the sample, too
# … and those of a time that is rounded, or holds for a picture, too. Of others FFmpeg's length is a guess from sizes.
TIMED = {"matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2", "asf", "flv", "avi", "ape"}
ROUNDED_S = 0.1  # more than any codec's padding and any container's rounding


def is_exact(container: str, codec: str) -> bool:
    """Whether a stated length holds to the sample."""
    return container in STAMPED or (container in _EXACT and codec.startswith("pcm_"))


def stated_s(
    container: Any, stream: Any, link: Link, count: FrameCount | None, sample_rate: int, begin_s: float
) -> float | None:
    """Returns the length of a stream of sound in seconds, or None where the file does not say.

    Args:
        container, stream: PyAV's.
        link: what headers state that FFmpeg does not believe, or not pass on.
        count: of the first frame of an mp3.
        begin_s: time stamp of the first sample.
    """
    name = container.format.name
    length_s = float(stream.duration * stream.time_base) if stream.duration else None
    if name == "ogg":
        if link.num_samples is None:
            return None
        # A stream may be joined late; but what a damaged page has swallowed is missing.
        return link.num_samples / sample_rate - (begin_s if link.broken_at is None else 0)
    if name == "flac" and not _flac_samples(stream):
        return None
    if name == "mp3":  # or FFmpeg's guess from its size
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
    if name == "avi" and stream.frames:  # FFmpeg's duration is what is there
        return float(stream.frames * stream.time_base)
    if length_s is None and (tag := _seconds(stream.metadata.get("DURATION", ""))) is not None:
        length_s = tag - begin_s
    if length_s is None and container.duration and len(container.streams) == 1:
        length_s = container.duration / av.time_base - begin_s
    return length_s


def _flac_samples(stream: Any) -> int:
    """Samples by the STREAMINFO block, 0 where it does not say."""
    info = stream.codec_context.extradata or b""
    return int.from_bytes(info[13:18], "big") & (2**36 - 1)


def _seconds(text: str) -> float | None:
    """Matroska's "00:04:05.123000000" in seconds."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None
