from __future__ import annotations

import io
import os
import sys
import threading

import numpy as np
import pytest
import soundfile

from keras_sep import AudioError
from keras_sep.audio import BLOCK, AudioReader, Cover
from tests.support.coded import FILE_KINDS, lag, png, write_coded, write_kind
from tests.support.needs import needs_posix


def read(path, **options) -> np.ndarray:
    with AudioReader(path, **options) as reader:
        blocks = list(reader.blocks())
        assert reader.warnings == []
    assert all(0 < len(block) <= BLOCK for block in blocks)
    return np.concatenate(blocks)


# Kinds of files.


@pytest.mark.parametrize("name", FILE_KINDS)
def test_every_kind_is_read_to_the_sample(music, tmp_path, name):
    kind = FILE_KINDS[name]
    x = music(1.1, kind.sample_rate)[:-13]  # no round number of any codec's frames
    write_kind(tmp_path / name, x, kind)
    with AudioReader(tmp_path / name) as reader:
        assert (reader.sample_rate, reader.num_channels) == (kind.sample_rate, 2)
        assert reader.num_samples is None or abs(reader.num_samples - len(x)) <= 0.1 * kind.sample_rate
    y = read(tmp_path / name)
    assert (len(y) == len(x) + kind.padding) if kind.padding is not None else (abs(len(y) - len(x)) <= 2 * 2048)
    assert lag(y, x) == kind.late
    assert lag(y[1:], x) == kind.late - 1  # so a lost sample would show
    if kind.atol is not None:
        np.testing.assert_allclose(y, x, rtol=0, atol=kind.atol)


SUBTYPES = {
    "FLOAT": ("WAV", 0),
    "DOUBLE": ("WAV", 0),
    "PCM_24": ("FLAC", 0),
    "PCM_16": ("FLAC", 0),
    "PCM_S8": ("FLAC", 0),
    "PCM_U8": ("WAV", 0),
    "PCM_32": ("WAV", 0),
    "ULAW": ("AU", 0),
    "ALAW": ("AIFF", 0),
    "ALAC_24": ("CAF", 0),
    "MPEG_LAYER_III": ("MP3", 1e-4),
    "VORBIS": ("OGG", 1e-4),
}


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("num_channels", [1, 2])
def test_samples_are_those_of_libsndfile(music, tmp_path, subtype, num_channels):
    container, atol = SUBTYPES[subtype]
    soundfile.write(tmp_path / "song", music(0.7, 44100, num_channels), 44100, format=container, subtype=subtype)
    expected = soundfile.read(tmp_path / "song", dtype="float32", always_2d=True)[0]
    y = read(tmp_path / "song")
    assert y.shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("num_channels", [3, 6, 8, 9, 16])
@pytest.mark.parametrize("container", ["WAV", "W64", "AIFF"])
def test_many_channels_stay_in_order(tmp_path, container, num_channels):
    x = np.random.default_rng(0).uniform(-1, 1, (9001, num_channels)).astype(np.float32)
    soundfile.write(tmp_path / "song", x, 48000, format=container, subtype="FLOAT")
    np.testing.assert_array_equal(read(tmp_path / "song"), x)


def test_a_name_says_nothing_about_a_format(music, tmp_path):
    x = music(0.3)
    soundfile.write(tmp_path / "a.flac", x, 44100, subtype="PCM_24")
    for name in ("a.mp3", "a.raw", "a.vox", "a.txt", "sans suffixe – ça marche", "http:a", "-", "file:a", "a%03d.png"):
        target = tmp_path / name
        target.write_bytes((tmp_path / "a.flac").read_bytes())
        np.testing.assert_allclose(read(target), x, atol=1e-6)


@needs_posix
def test_a_name_need_not_be_text(music, tmp_path):
    path = tmp_path / os.fsdecode(b"bad\xff\xfe.flac")
    soundfile.write(os.fsencode(path), music(0.3), 44100, format="FLAC")
    assert len(read(path)) == round(0.3 * 44100)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(AudioError, match="expected an audio file"):
        AudioReader(path)


@pytest.mark.parametrize(
    "suffix", ["vox", "raw", "gsm", "sln", "g722", "aptx", "mp3", "aac", "wav", "txt", "m3u8", "ogg"]
)
@pytest.mark.parametrize("content", ["text", "noise", "zeros", "page"])
def test_what_is_no_audio_is_refused(tmp_path, suffix, content):
    """FFmpeg and libsndfile would take a headerless format from the name, and text for its samples."""
    path = tmp_path / f"text.{suffix}"
    noise = np.random.default_rng(5).bytes(60000)
    data = {"text": b"Not music " * 9000, "noise": noise, "zeros": bytes(60000), "page": b"<html></html>"}[content]
    path.write_bytes(data)
    with pytest.raises(AudioError, match=r"text\.\w+: expected an audio (file|stream 0)\. Received: "):
        AudioReader(path)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile secret.wav\n",
        "[playlist]\nFile1={secret}\nNumberOfEntries=1\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_nothing_but_the_file_is_opened(music, tmp_path, playlist):
    secret = tmp_path / "secret.wav"
    soundfile.write(secret, music(0.5), 44100)
    path = tmp_path / "list.m3u8"
    path.write_text(playlist.format(secret=secret))
    with pytest.raises(AudioError, match="expected an audio"):
        read(path)


def test_what_cannot_be_opened(tmp_path):
    for path, reason in (
        (tmp_path / "missing.wav", "cannot read: No such file"),
        (tmp_path, "expected a file. Received: a folder"),
        ("x" * 300, "cannot read: File name too long"),
    ):
        with pytest.raises(AudioError, match=reason):
            AudioReader(path)
    (tmp_path / "empty.wav").touch()
    with pytest.raises(AudioError, match=r"empty.wav: expected audio. Received: an empty file"):
        AudioReader(tmp_path / "empty.wav")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -2e12])
def test_samples_that_are_none_are_refused(music, tmp_path, bad):
    x = music(1.0)
    x[30000, 1] = bad
    soundfile.write(tmp_path / "bad.wav", x, 44100, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"bad.wav: expected finite samples. Received: .* at 0.680 s"):
        read(tmp_path / "bad.wav")
    assert len(read(tmp_path / "bad.wav", duration=0.6)) == round(0.6 * 44100)  # it is not in there


# Excerpts.


@pytest.mark.parametrize(("start", "duration"), [(0, 0.25), (0.3, None), (0.3, 0.25), (0.9, 60), (0.9, 1e305)])
@pytest.mark.parametrize("suffix", ["flac", "mp3"])
def test_an_excerpt_is_the_excerpt(music, tmp_path, start, duration, suffix):
    path = tmp_path / f"in.{suffix}"
    soundfile.write(path, music(1.0), 44100)
    x = read(path)
    assert len(x) == 44100
    first = round(start * 44100)
    last = len(x) if duration is None else min(len(x), first + round(min(duration, 60) * 44100))
    with AudioReader(path, start, duration) as reader:
        assert reader.num_samples == last - first
    np.testing.assert_array_equal(read(path, start=start, duration=duration), x[first:last])


@pytest.mark.parametrize("excerpt", [{"start": -1}, {"start": np.nan}, {"duration": 0}, {"duration": np.inf}])
def test_impossible_excerpts(music, tmp_path, excerpt):
    soundfile.write(tmp_path / "in.wav", music(0.1), 44100)
    with pytest.raises(AudioError, match="expected a start of 0 s or more and a duration above 0 s"):
        AudioReader(tmp_path / "in.wav", **excerpt)


@pytest.mark.parametrize("start", [1, 1e305])
def test_an_excerpt_behind_the_end(music, tmp_path, start):
    soundfile.write(tmp_path / "in.wav", music(0.1), 44100)
    with pytest.raises(AudioError, match=r"expected a part of its 0.100 s that holds samples. Received: start 1"):
        AudioReader(tmp_path / "in.wav", start)


# Standard input.


class Pipe(io.RawIOBase):
    """Can be read from front to back only."""

    def __init__(self, data: bytes):
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        return self._data.readinto(memoryview(buffer)[:1000])


@pytest.mark.parametrize("is_pipe", [True, False])
@pytest.mark.parametrize("name", ["a.flac", "an mp3.mp3", "at the end.m4a", "chain.ogg"])
def test_standard_input_is_read_like_a_file(music, tmp_path, monkeypatch, name, is_pipe):
    x = music(1.0)
    path = tmp_path / name
    if name == "chain.ogg":
        soundfile.write(path, x, 44100)
        path.write_bytes(2 * path.read_bytes())
    else:
        write_kind(path, x, next(kind for other, kind in FILE_KINDS.items() if other.endswith(path.suffix)))
    data = path.read_bytes()
    stream = io.BufferedReader(Pipe(data)) if is_pipe else io.BytesIO(data)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
    np.testing.assert_array_equal(read("-"), read(path))


@pytest.mark.parametrize("data", [b"", b"Not music " * 100])
def test_nothing_on_standard_input(monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Pipe(data))))
    with pytest.raises(AudioError, match=r"standard input: expected .*audio.* Received: "):
        AudioReader("-")


# Streams in files.


def test_chained_ogg_is_read_to_its_end(music, tmp_path):
    """Radio captures, `cat`: other rates and channels become those of the first link."""
    x = music(3.0)
    links = []
    for index, (rate, channels, subtype) in enumerate(
        [(44100, 2, "VORBIS"), (44100, 2, "VORBIS"), (22050, 1, "VORBIS"), (48000, 2, "OPUS")]
    ):
        path = tmp_path / f"{index}.ogg"
        soundfile.write(path, music(1.0, rate, channels), rate, format="OGG", subtype=subtype)
        links.append(path.read_bytes())
    (tmp_path / "chain.ogg").write_bytes(b"".join(links))
    y = read(tmp_path / "chain.ogg")
    assert y.shape == (4 * 44100, 2)
    for index in (0, 1, 3):
        assert lag(y[index * 44100 :][:44100], x) == 0
    alone = read(tmp_path / "1.ogg")
    np.testing.assert_array_equal(y[44100:88200], alone)
    np.testing.assert_array_equal(y[88200:132300, 0], y[88200:132300, 1])  # the mono one
    with AudioReader(tmp_path / "chain.ogg") as reader:
        assert reader.num_samples is None


@pytest.mark.parametrize("xing", [True, False])
def test_concatenated_mp3_is_read_to_its_end(music, tmp_path, xing):
    x = music(2.0)
    parts = []
    for index, half in enumerate(np.split(x, 2)):
        options = {"write_xing": "1" if xing else "0"}
        write_coded(tmp_path / f"{index}.mp3", half, 44100, "libmp3lame", options=options, tags={"title": "a" * 900})
        parts.append((tmp_path / f"{index}.mp3").read_bytes())
    (tmp_path / "chain.mp3").write_bytes(b"".join(parts))
    y = read(tmp_path / "chain.mp3")
    padding = 3 * 1152  # the coder's, before and after each part
    assert len(x) <= len(y) <= len(x) + 2 * padding
    assert abs(lag(y[-44100:], x[-44100:])) <= padding


@pytest.mark.parametrize("count", [0, 1, 0.5, 1.03])
def test_an_mp3_that_counts_too_few_frames_is_read_to_its_end(music, tmp_path, count):
    write_coded(tmp_path / "in.mp3", music(2.0), 44100, "libmp3lame")
    content = bytearray((tmp_path / "in.mp3").read_bytes())
    place = content.index(b"Info") + 8 if b"Info" in content else content.index(b"Xing") + 8
    frames = int.from_bytes(content[place : place + 4], "big")
    number = count if count in (0, 1) else round(count * frames)
    content[place : place + 4] = number.to_bytes(4, "big")
    (tmp_path / "in.mp3").write_bytes(content)
    with AudioReader(tmp_path / "in.mp3") as reader:
        length = sum(map(len, reader.blocks()))
        assert bool(reader.warnings) == (number > frames)
    assert length >= 88200


def test_tags_do_not_hide_an_mp3s_length(music, tmp_path):
    write_coded(tmp_path / "a.mp3", music(1.0), 44100, "libmp3lame", tags={"comment": "long " * 20000})
    with AudioReader(tmp_path / "a.mp3") as reader:
        assert reader.num_samples == 44100
    assert len(read(tmp_path / "a.mp3")) == 44100


@pytest.mark.parametrize("size", [0, 1, 4 * 4000, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("silence", [0, 7000])
def test_a_header_that_states_no_size_or_one_too_small(music, tmp_path, size, big, silence):
    """Lost power, pipes, recorders that update their header now and then; the song may begin with silence."""
    x = music(0.2)
    x[:silence] = 0
    path = tmp_path / ("song.aiff" if big else "song.wav")
    soundfile.write(path, x, 44100, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"SSND" if big else b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "big" if big else "little")
    path.write_bytes(content)
    y = read(path)
    np.testing.assert_array_equal(y[: len(x)], soundfile_read(x, tmp_path))
    assert len(y) - len(x) <= 2  # AIFF's size holds 8 bytes that are no sound


def soundfile_read(x: np.ndarray, folder) -> np.ndarray:
    soundfile.write(folder / "whole.wav", x, 44100, subtype="PCM_16")
    return soundfile.read(folder / "whole.wav", dtype="float32")[0]


@pytest.mark.parametrize("tail", [b"", b"\0", bytes(512), b"LIST\x04\0\0\0INFO", b"id3 \x05\0\0\0abcde\0", b"ab"])
@pytest.mark.parametrize("odd", [False, True])
def test_what_follows_the_sound_is_not_sound(tmp_path, tail, odd):
    x = np.linspace(-0.5, 0.5, 4001 if odd else 4000, dtype=np.float32)[:, None]
    soundfile.write(tmp_path / "a.wav", x, 44100, subtype="PCM_U8")
    content = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(content + tail)
    assert len(read(tmp_path / "a.wav")) == len(x)


def test_a_flac_from_a_pipe_is_whole(music, tmp_path):
    x = music(1.0)
    soundfile.write(tmp_path / "a.flac", x, 44100)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[8 + 13] &= 0xF0  # STREAMINFO's number of samples: unknown
    content[8 + 14 : 8 + 18] = bytes(4)
    (tmp_path / "a.flac").write_bytes(content)
    with AudioReader(tmp_path / "a.flac") as reader:
        assert reader.num_samples is None
    assert len(read(tmp_path / "a.flac")) == len(x)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mkv", "aac"), ("a.webm", "libopus"), ("a.avi", "ac3"), ("a.mp4", "aac")]
)
def test_sound_that_is_shorter_than_its_film_is_whole(music, tmp_path, name, codec):
    x = music(1.0, 48000)
    write_coded(tmp_path / name, x, 48000, codec, "matroska" if name == "a.webm" else None, picture_s=3.0)
    y = read(tmp_path / name)
    assert len(x) <= len(y) <= len(x) + 2 * 1024
    assert 0 <= lag(y, x) <= 1024


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
@pytest.mark.parametrize("sound_at_s", [0.0, 0.7])
def test_sound_begins_with_the_picture(music, tmp_path, name, sound_at_s):
    x = music(1.0, 48000)
    write_coded(tmp_path / name, x, 48000, "aac", picture_s=2.0, sound_at_s=sound_at_s)
    y = read(tmp_path / name)
    first = round(sound_at_s * 48000)
    assert abs(lag(y[first:], x)) <= 1024 + 48  # AAC's first block; times in milliseconds
    assert not np.abs(y[: max(0, first - 1100)]).max(initial=0)
    with AudioReader(tmp_path / name) as reader:
        stated = reader.num_samples
    assert stated is None or abs(stated - len(y)) < 4800
    np.testing.assert_array_equal(read(tmp_path / name, start=0.5), y[24000:])


def test_delayed_sound_without_a_picture_begins_at_once(music, tmp_path):
    x = music(0.5, 48000)
    write_coded(tmp_path / "a.mka", x, 48000, "flac", "matroska", sound_at_s=1.0)
    assert len(read(tmp_path / "a.mka")) == len(x)


def test_tracks(music, tmp_path):
    x, other = music(0.5), music(0.8)[::-1]
    write_coded(tmp_path / "a.mka", x, 44100, "flac", "matroska", others=(other,))
    assert len(read(tmp_path / "a.mka")) == len(x)
    y = read(tmp_path / "a.mka", track=1)
    assert len(y) == len(other)
    np.testing.assert_allclose(y, other, atol=1e-4)
    with pytest.raises(AudioError, match=r"expected an audio stream 2\. Received: 2 audio streams"):
        AudioReader(tmp_path / "a.mka", track=2)


def test_a_rate_that_changes_becomes_the_first(music, tmp_path):
    parts = []
    for rate, channels in ((44100, 2), (22050, 1), (44100, 2)):
        write_coded(tmp_path / "a.aac", music(1.0, rate, channels), rate, "aac", "adts")
        parts.append((tmp_path / "a.aac").read_bytes())
    (tmp_path / "a.aac").write_bytes(b"".join(parts))
    with AudioReader(tmp_path / "a.aac") as reader:
        y = np.concatenate(list(reader.blocks()))
    assert y.shape[1] == 2
    assert 3 * 44100 <= len(y) <= 3 * 44100 + 3 * 4096


# Tags.


@pytest.mark.parametrize(
    ("name", "codec"), [("a.flac", "flac"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.opus", "libopus")]
)
def test_tags_are_read_by_one_name_each(music, tmp_path, name, codec):
    tags = {"title": "Tïtle", "artist": "Ä", "album": "B", "track": "3/9", "date": "1999", "genre": "Pop"}
    write_coded(tmp_path / name, music(0.3, 48000), 48000, codec, tags=tags | {"replaygain_track_gain": "-3 dB"})
    with AudioReader(tmp_path / name) as reader:
        assert reader.tags == tags  # and no loudness, which is another one for each stem
        assert reader.cover is None


def test_tags_need_not_be_text(music, tmp_path):
    write_coded(tmp_path / "a.flac", music(0.3), 44100, "flac", tags={"title": "abcdef"})
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content.replace(b"abcdef", b"ab\xff\xfeef"))
    with AudioReader(tmp_path / "a.flac") as reader:
        assert reader.tags["title"].startswith("ab")


def test_a_cover(music, tmp_path):
    from keras_sep.audio import AudioWriter

    cover = Cover(png(), "image/png")
    writer = AudioWriter(tmp_path / "a.mp3", 44100, 2, "mp3", cover=cover)
    writer.open()
    writer.write(music(0.3))
    writer.finish()
    writer.commit()
    with AudioReader(tmp_path / "a.mp3") as reader:
        assert reader.cover == cover
        assert len(np.concatenate(list(reader.blocks()))) == round(0.3 * 44100)


# Resources.


def test_a_reader_that_is_not_read_to_its_end_leaves_nothing(music, tmp_path):
    path = tmp_path / "song.m4a"
    write_coded(path, np.tile(music(1.0), (5, 1)), 44100, "aac", "mp4")
    threads = threading.active_count()
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for _ in range(3):
        with AudioReader(path) as reader:
            next(iter(reader.blocks()))
    assert threading.active_count() == threads
    if files is not None:
        assert len(os.listdir("/proc/self/fd")) == files
