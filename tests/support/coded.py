"""Audio files of every kind, made by FFmpeg's libraries: no program is needed."""

from __future__ import annotations

import io
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile


def write_coded(
    path: Path,
    x: np.ndarray,
    sample_rate: int,
    codec: str,
    container: str | None = None,
    *,
    options: dict[str, str] | None = None,
    codec_options: dict[str, str] | None = None,
    bitrate: int | None = None,
    sample_format: str | None = None,
    tags: dict[str, str] | None = None,
    picture_s: float | None = None,
    sound_at_s: float = 0.0,
    others: tuple[np.ndarray, ...] = (),
) -> None:
    """Writes x (samples, 1 or 2) as `codec`, such as "aac".

    Args:
        container: FFmpeg's name; None for the one of the path's suffix.
        options, codec_options: of the container and the codec.
        bitrate: bit/s.
        sample_format: that the codec is given, as FFmpeg calls it; None for the codec's first.
        picture_s: makes a film of that length, in seconds.
        sound_at_s: when its sound begins.
        others: further streams of sound.
    """
    layout = ("mono", "stereo")[x.shape[1] - 1]
    with av.open(path, "w", format=container, options=options or {}) as target:
        sounds = []
        for _ in (x, *others):
            stream: Any = target.add_stream(codec, rate=sample_rate)
            stream.codec_context.layout = layout
            stream.codec_context.options = codec_options or {}
            if sample_format:
                stream.codec_context.format = sample_format
            if bitrate:
                stream.bit_rate = bitrate
            sounds.append(stream)
        picture: Any = target.add_stream("mpeg4", rate=10) if picture_s is not None else None
        if picture is not None:
            picture.width = picture.height = 32
        target.metadata.update(tags or {})
        if picture is not None and picture_s is not None:
            for index in range(round(picture_s * 10)):
                image = av.VideoFrame.from_ndarray(np.full((32, 32, 3), index, np.uint8), "rgb24")
                image.pts, image.time_base = index, Fraction(1, 10)
                target.mux(picture.encode(image))
            target.mux(picture.encode(None))
        for stream, samples in zip(sounds, (x, *others), strict=True):
            step = 16384
            for begin in range(0, len(samples), step):
                data = np.ascontiguousarray(samples[begin : begin + step], np.float32).reshape(1, -1)
                frame = av.AudioFrame.from_ndarray(data, "flt", layout)
                frame.sample_rate, frame.time_base = sample_rate, Fraction(1, sample_rate)
                frame.pts = begin + round(sound_at_s * sample_rate)
                target.mux(stream.encode(frame))
            target.mux(stream.encode(None))


@dataclass(frozen=True)
class FileKind:
    """A kind of audio file.

    Args:
        container, codec: FFmpeg's names; codec "" for what libsndfile writes, and then its own names.
        what: for a table of formats.
        sample_rate: Hz.
        padding: samples that the file holds beyond those written, as it cannot state how many are sound; None for
            what the last of its frames needs.
        late: samples of those at its beginning.
        atol: how near the samples come; None for a lossy codec.
    """

    what: str
    container: str
    codec: str
    sample_rate: int = 44100
    padding: int | None = 0
    late: int = 0
    atol: float | None = None
    options: dict[str, str] | None = None
    bitrate: int | None = None
    sample_format: str | None = None


_BIT_16 = 2.0**-15
FILE_KINDS = {
    "16 bit.WAV": FileKind("wav, 16 bit", "wav", "pcm_s16le", atol=_BIT_16),
    "24 bit.wav": FileKind("wav, 24 bit", "wav", "pcm_s24le", atol=2.0**-23),
    "float.wav": FileKind("wav, 32-bit float", "wav", "pcm_f32le", atol=0),
    "double.wav": FileKind("wav, 64-bit float", "wav", "pcm_f64le", atol=0),
    "8 bit.wav": FileKind("wav, 8 bit", "wav", "pcm_u8", atol=2.0**-7),
    "a-law.wav": FileKind("wav, A-law", "wav", "pcm_alaw"),
    "big.rf64": FileKind("RF64", "wav", "pcm_s16le", atol=_BIT_16, options={"rf64": "always"}),
    "apple.aiff": FileKind("aiff", "aiff", "pcm_s16be", atol=_BIT_16),
    "sun.au": FileKind("au", "au", "pcm_s16be", atol=_BIT_16),
    "core.caf": FileKind("caf, 16 bit", "caf", "pcm_s16le", atol=_BIT_16),
    "alac.caf": FileKind("", "caf", "alac", atol=_BIT_16, sample_format="s16p"),
    "sony.w64": FileKind("w64", "W64", "", atol=_BIT_16),
    "16 bit.flac": FileKind("flac", "flac", "flac", atol=_BIT_16),
    "flac.oga": FileKind("ogg, FLAC", "oga", "flac", atol=_BIT_16),
    "wavpack.wv": FileKind("WavPack", "wv", "wavpack", atol=2.0**-23, sample_format="fltp"),
    "true audio.tta": FileKind("True Audio", "tta", "tta", atol=_BIT_16, sample_format="s16"),
    "alac.m4a": FileKind("m4a, ALAC", "mp4", "alac", atol=_BIT_16, sample_format="s16p"),
    "aac.m4a": FileKind("m4a and mp4, AAC", "mp4", "aac"),
    "-a song, 100% näive (live) 'quoted'.m4a": FileKind("", "mp4", "aac"),
    "fragments.m4a": FileKind(
        "m4a in fragments", "mp4", "aac", padding=1024, late=1024, options={"movflags": "frag_keyframe+empty_moov"}
    ),
    "quicktime.mov": FileKind("mov, 16 bit", "mov", "pcm_s16le", atol=_BIT_16),
    "vorbis.ogg": FileKind("ogg, Vorbis", "OGG", ""),
    "opus.opus": FileKind("ogg, Opus", "ogg", "libopus", 48000),
    "opus.webm": FileKind("webm, Opus", "webm", "libopus", 48000),
    "flac.mka": FileKind("Matroska, FLAC", "matroska", "flac", atol=_BIT_16),
    "lame.mp3": FileKind("mp3", "mp3", "libmp3lame"),
    "an mp3 named.wav": FileKind("", "mp3", "libmp3lame"),
    "bare.mp3": FileKind(
        "mp3 without a frame count", "mp3", "libmp3lame", padding=None, late=1105, options={"write_xing": "0"}
    ),
    "bare.aac": FileKind("aac without a container", "adts", "aac", padding=None, late=1024),
    "dolby.ac3": FileKind("ac3", "ac3", "ac3", padding=None, late=256),
    "windows.wma": FileKind("wma", "asf", "wmav2", padding=None, late=-2048, bitrate=192000),
    "layer 2.mp2": FileKind("mp2", "mp2", "mp2", padding=None, late=481),
    "broadcast.ts": FileKind("ts, mp2", "mpegts", "mp2", padding=None, late=481),
    "flash.flv": FileKind("flv, mp3", "flv", "libmp3lame", padding=None, late=1105),
    "video.avi": FileKind("avi, mp3", "avi", "libmp3lame", padding=None, late=1105),
}


def write_kind(path: Path, x: np.ndarray, kind: FileKind) -> None:
    """Writes x (samples, 1 or 2) as a file of that kind."""
    if not kind.codec:
        soundfile.write(path, x, kind.sample_rate, format=kind.container)
        return
    write_coded(
        path,
        x,
        kind.sample_rate,
        kind.codec,
        kind.container,
        options=kind.options,
        bitrate=kind.bitrate,
        sample_format=kind.sample_format,
    )


def png() -> bytes:
    """A small picture."""
    file = io.BytesIO()
    with av.open(file, "w", format="image2pipe") as target:
        stream: Any = target.add_stream("png", rate=1)
        stream.width = stream.height = 16
        stream.pix_fmt = "rgb24"
        target.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((16, 16, 3), 200, np.uint8), "rgb24")))
        target.mux(stream.encode(None))
    return file.getvalue()


def lag(x: np.ndarray, reference: np.ndarray) -> int:
    """Samples by which x is late, from the peak of the cross-correlation of the first channels."""
    n = min(len(x), len(reference))
    size = 1 << (2 * n).bit_length()
    spectrum = np.fft.rfft(x[:n, 0], size) * np.conj(np.fft.rfft(reference[:n, 0], size))
    correlation = np.fft.irfft(spectrum, size)
    return max(range(-3000, 3001), key=lambda i: correlation[i])
