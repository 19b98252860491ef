"""Small intact audio files of every kind that the reader takes."""

from __future__ import annotations

import struct
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from tests.support.coded import FILE_KINDS, FileKind, png, write_coded, write_kind

_SAMPLES = 5000  # two frames of the network and what is left of a third
_TAGS = {"title": "Title", "artist": "Artist", "date": "2020", "lyrics": "la\nla"}


def make_seed_files() -> dict[str, bytes]:
    """Returns the files by name: the same bytes every time, but for what FFmpeg draws at random."""
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in FILE_KINDS.items():
            files[name] = _write(Path(folder, name), kind, _sound(2))
            if kind.codec not in ("pcm_alaw",):
                files[f"mono {name}"] = _write(Path(folder, f"mono {name}"), kind, _sound(1))
        for name, options in {
            "tags.mp3": {"codec": "libmp3lame", "tags": _TAGS},
            "tags.m4a": {"codec": "aac", "container": "mp4", "tags": _TAGS},
            "film.mkv": {"codec": "aac", "container": "matroska", "picture_s": 0.3, "sound_at_s": 0.1},
            "film.mp4": {"codec": "aac", "container": "mp4", "picture_s": 0.3, "sound_at_s": 0.1},
            "film.ts": {"codec": "mp2", "container": "mpegts", "picture_s": 0.3, "sound_at_s": 0.1},
            "two tracks.mkv": {"codec": "flac", "container": "matroska", "others": (_sound(2),)},
            "two tracks.ts": {"codec": "mp2", "container": "mpegts", "others": (_sound(2),)},
        }.items():
            write_coded(Path(folder, name), _sound(2), 44100, **options)  # type: ignore[arg-type]
            files[name] = Path(folder, name).read_bytes()
        for name, channels, rate in (("six.wav", 6, 48000), ("six.flac", 6, 22050), ("three.ogg", 3, 44100)):
            soundfile.write(Path(folder, name), _sound(channels), rate)
            files[name] = Path(folder, name).read_bytes()
    files["chain.ogg"] = files["vorbis.ogg"] + files["mono vorbis.ogg"]
    files["chain.opus"] = files["opus.opus"] + files["opus.opus"]
    files["chain.mp3"] = files["tags.mp3"] + files["lame.mp3"]
    files["cover.flac"] = _with_picture(files["16 bit.flac"])
    return files


def _write(path: Path, kind: FileKind, sound: np.ndarray) -> bytes:
    write_kind(path, sound, kind)
    return path.read_bytes()


def _sound(channels: int) -> np.ndarray:
    rng = np.random.default_rng(channels)
    time = np.arange(_SAMPLES)[:, np.newaxis] / 44100
    tone = 0.3 * np.sin(2 * np.pi * (300 + 200 * np.arange(channels)) * time)
    return (tone + 0.01 * rng.standard_normal(tone.shape)).astype(np.float32)


def _with_picture(flac: bytes) -> bytes:
    """Makes a flac file with a block of a picture behind its first block, of 34 bytes and a header of 4."""
    picture, mime = png(), b"image/png"
    body = struct.pack(">II", 3, len(mime)) + mime + struct.pack(">IIIIII", 0, 16, 16, 24, 0, len(picture)) + picture
    head = struct.pack(">I", 6 << 24 | len(body))
    return flac[:4] + bytes([flac[4] & 0x7F]) + flac[5:42] + head + body + flac[42:]
