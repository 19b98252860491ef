"""Audio encoders for every format but wav: FFmpeg's, and libsndfile's for Vorbis, which PyAV comes without."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Protocol, cast

import av
import numpy as np
import soundfile

from keras_sep.audio.formats import Format
from keras_sep.audio.limits import Array
from keras_sep.audio.mp3 import state_length
from keras_sep.audio.ogg import VorbisTagger
from keras_sep.audio.sink import Sink
from keras_sep.audio.tags import Cover
from keras_sep.interrupts import held_interrupts

_LAYOUTS = ("mono", "stereo", "3.0", "quad", "5.0", "5.1", "6.1", "7.1")
_SAME_BYTES = {"fflags": "bitexact"}  # neither the time nor random numbers nor a version in the file
_PICTURES = {"image/jpeg": "jpeg_pipe", "image/png": "png_pipe"}

# Vorbis' order of channels, by the numbers that ours have: left, right, centre, bass, back or side.
_VORBIS_ORDER = {3: [0, 2, 1], 5: [0, 2, 1, 3, 4], 6: [0, 2, 1, 4, 5, 3], 7: [0, 2, 1, 5, 6, 4, 3]}
_VORBIS_ORDER[8] = [0, 2, 1, 6, 7, 4, 5, 3]


class Encoder(Protocol):
    """Interface of encoders: `write` takes blocks (n, channels) within ±1; `close` completes the file, still open.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio.encoders import Encoder
        >>> from keras_sep.audio.wav import WavEncoder
        >>> with open("song.wav", "wb") as file:
        ...     encoder: Encoder = WavEncoder(file, "pcm_s16le", 44100, 2, num_samples=None, tags={})
        ...     encoder.write(np.zeros((441, 2), np.float32))
        ...     encoder.close()
    """

    def write(self, block: Array) -> None: ...

    def close(self) -> None: ...


class FfmpegEncoder:
    """Encoder for flac, mp3, m4a and opus; the same samples always give the same bytes.

    Args:
        sink: output file.
        format: one of FORMATS that is neither wav nor Vorbis.
        sample_rate: Hz, one that the format can store.
        num_channels: up to `format.most_channels`.
        bitrate: kbit/s; None for a format without a choice.
        tags: tags by FFmpeg's names.
        cover: picture, or None.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio import FORMATS, AudioReader
        >>> from keras_sep.audio.encoders import FfmpegEncoder
        >>> from keras_sep.audio.sink import Sink
        >>> with open("song.flac", "wb+") as file:
        ...     encoder = FfmpegEncoder(Sink(file), FORMATS["flac"], 44100, 2, None, {"title": "Song"}, cover=None)
        ...     encoder.write(np.zeros((441, 2), np.float32))
        ...     encoder.close()
        >>> with AudioReader("song.flac") as reader:
        ...     reader.num_samples, reader.tags
        (441, {'title': 'Song'})
    """

    @held_interrupts()
    def __init__(
        self,
        sink: Sink,
        format: Format,
        sample_rate: int,
        num_channels: int,
        bitrate: int | None,
        tags: Mapping[str, str],
        cover: Cover | None,
    ):
        options = dict(_SAME_BYTES)
        if format.container == "mp4":
            # Without a time scale, the length would be rounded to milliseconds.
            options |= {"brand": "M4A ", "movie_timescale": str(sample_rate)}
        self._container = av.open(sink, "w", format=format.container, container_options=options)
        self._rate, self._layout = sample_rate, _LAYOUTS[num_channels - 1]
        self._stream = cast(av.AudioStream, self._container.add_stream(format.codec, rate=sample_rate))
        self._is_integer, self._is_mp3 = format.codec == "flac", format.codec == "libmp3lame"
        self._sink = sink
        self._stream.codec_context.layout = self._layout
        self._stream.codec_context.format = {"flac": "s32", "libopus": "flt"}.get(format.codec, "fltp")
        if self._is_integer:
            self._stream.codec_context.options = {"bits_per_raw_sample": "24"}
        if bitrate is not None:
            self._stream.bit_rate = 1000 * bitrate
        picture = None
        if cover is not None and format.container == "ogg":
            tags = {**tags, **_as_tag(cover)}
        elif cover is not None:
            picture = _add_picture(self._container, cover)
        self._container.metadata.update(tags)
        if picture is not None:
            self._container.mux(picture)
        self._samples = 0

    @held_interrupts()
    def write(self, block: Array) -> None:
        if self._is_integer:
            whole = np.clip(np.rint(block * np.float32(2**23)), -(2**23), 2**23 - 1).astype(np.int32)
            frame = av.AudioFrame.from_ndarray((whole << 8).reshape(1, -1), "s32", self._layout)
        else:
            packed = np.ascontiguousarray(block, np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, "flt", self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._samples
        self._samples += len(block)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    @held_interrupts()
    def close(self) -> None:
        for packet in self._stream.encode(None):
            self._container.mux(packet)
        self._container.close()
        if self._is_mp3 and self._sink.error is None:
            state_length(self._sink, self._samples, self._rate)


class VorbisEncoder:
    """Encoder for Ogg Vorbis, at libsndfile's default quality; the same samples always give the same bytes.

    Args:
        sink: output file.
        sample_rate: Hz, up to 200000.
        num_channels: 1 to 8.
        tags: tags by FFmpeg's names.
        cover: picture, or None.

    Examples:
        >>> import numpy as np
        >>> from keras_sep.audio import AudioReader
        >>> from keras_sep.audio.encoders import VorbisEncoder
        >>> from keras_sep.audio.sink import Sink
        >>> with open("song.ogg", "wb+") as file:
        ...     encoder = VorbisEncoder(Sink(file), 44100, 2, {"title": "Song"}, cover=None)
        ...     encoder.write(np.zeros((4410, 2), np.float32))
        ...     encoder.close()
        >>> with AudioReader("song.ogg") as reader:
        ...     reader.num_samples, reader.tags
        (4410, {'title': 'Song'})
    """

    @held_interrupts()
    def __init__(self, sink: Sink, sample_rate: int, num_channels: int, tags: Mapping[str, str], cover: Cover | None):
        tagger = VorbisTagger(sink, {**tags, **(_as_tag(cover) if cover is not None else {})})
        self._sound = soundfile.SoundFile(
            tagger, "w", samplerate=sample_rate, channels=num_channels, format="OGG", subtype="VORBIS"
        )

    @held_interrupts()
    def write(self, block: Array) -> None:
        self._sound.write(block[:, _VORBIS_ORDER.get(block.shape[1], slice(None))])

    @held_interrupts()
    def close(self) -> None:
        self._sound.close()


def _add_picture(container: Any, cover: Cover) -> Any:
    """Adds a stream for the cover; returns its only packet, or None if the cover is no picture."""
    try:
        with av.open(io.BytesIO(cover.data), format=_PICTURES[cover.mime]) as source:
            picture = source.streams.video[0]
            packet = next(source.demux(picture))
            if not packet.decode():
                return None
            stream = container.add_stream_from_template(picture)
    except (KeyError, IndexError, StopIteration, av.FFmpegError):
        return None
    stream.disposition = av.stream.Disposition.attached_pic.value
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    return packet


def _as_tag(cover: Cover) -> dict[str, str]:
    """Returns the cover as a tag of Ogg files: flac's picture block in base 64."""
    mime = cover.mime.encode()
    front = 3  # the kind of picture
    head = struct.pack(">II", front, len(mime)) + mime + struct.pack(">IIIIII", 0, 0, 0, 0, 0, len(cover.data))
    return {"METADATA_BLOCK_PICTURE": base64.b64encode(head + cover.data).decode()}
