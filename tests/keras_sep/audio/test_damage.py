"""Files that are cut off, miscounted, or hold something else in places."""

from __future__ import annotations

import re

import av
import numpy as np
import pytest
import soundfile

from keras_sep import AudioError
from keras_sep.audio import AudioReader
from keras_sep.audio.headers import links
from keras_sep.audio.ogg import checksum, pages
from tests.support.coded import FILE_KINDS, FileKind, lag, write_coded, write_kind

RATE = 44100


def read(path, **options) -> tuple[np.ndarray, list[str]]:
    with AudioReader(path, **options) as reader:
        x = np.concatenate(list(reader.blocks()))
        return x, reader.warnings


def missing_s(warning: str) -> float:
    number, unit = re.search(r"; ([\d.]+) (m?s) of [\d.]+ s are missing", warning).groups()
    return float(number) / (1000 if unit == "ms" else 1)


def refused(path) -> str:
    with AudioReader(path, strict=True) as reader, pytest.raises(AudioError) as error:
        for _ in reader.blocks():
            pass
    assert reader.warnings == []
    return str(error.value)


# What each kind of file says of its own length shows when its end is missing.

_TELLS_EXACTLY = [
    "16 bit.WAV",
    "24 bit.wav",
    "float.wav",
    "8 bit.wav",
    "a-law.wav",
    "big.rf64",
    "apple.aiff",
    "sun.au",
    "sony.w64",
    "core.caf",
    "16 bit.flac",
    "wavpack.wv",
    "lame.mp3",
]
_TELLS = ["opus.webm", "flac.mka", "flash.flv", "video.avi", "faststart.m4a", "quicktime.mov"]
_KINDS = FILE_KINDS | {
    "faststart.m4a": FileKind("", "mp4", "aac", options={"movflags": "faststart"}),
    "quicktime.mov": FileKind("", "mov", "pcm_s16le", options={"movflags": "faststart"}),
}


@pytest.mark.parametrize("name", _TELLS_EXACTLY + _TELLS)
def test_what_is_there_of_a_file_that_is_cut_off(music, tmp_path, name):
    kind = _KINDS[name]
    x = music(3.0, kind.sample_rate)
    path = tmp_path / name
    write_kind(path, x, kind)
    whole, said = read(path)
    assert said == []
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    y, (warning,) = read(path)
    assert len(y) < len(whole) * 0.7
    inside = len(y) - 4 * 1152  # the last blocks overlap with what is missing
    np.testing.assert_allclose(y[:inside], whole[:inside], atol=1e-6)
    assert warning.startswith(f"{path}: the file is ")
    assert "\n" not in warning
    slack = 1 if name in _TELLS_EXACTLY else 0.1 * kind.sample_rate
    assert abs(missing_s(warning) * kind.sample_rate - (len(whole) - len(y))) <= slack + 0.0005 * kind.sample_rate
    assert f"of {len(whole) / kind.sample_rate:.1f}" in warning
    assert refused(path) == warning


@pytest.mark.parametrize("name", ["flac.oga", "vorbis.ogg", "opus.opus"])
def test_ogg_tells_where_the_page_that_is_cut_off_would_end(music, tmp_path, name):
    kind = FILE_KINDS[name]
    path = tmp_path / name
    write_kind(path, music(5.0, kind.sample_rate), kind)
    whole, _ = read(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    y, (warning,) = read(path)
    assert kind.sample_rate < len(y) < len(whole) * 0.7
    np.testing.assert_allclose(y[: len(y) - 2048], whole[: len(y) - 2048], atol=1e-6)
    at_least = float(re.search(r"; at least ([\d.]+) s are missing", warning)[1])
    assert 0.1 < at_least < (len(whole) - len(y)) / kind.sample_rate
    assert refused(path) == warning


def test_an_empty_vorbis_packet_is_no_damage(music, tmp_path):
    path = tmp_path / "a.ogg"
    write_kind(path, music(1.0), FILE_KINDS["vorbis.ogg"])
    whole, _ = read(path)
    content = path.read_bytes()
    last = content.rindex(b"OggS")
    page = bytearray(content[last:])
    page[5] &= ~4  # no longer the last page
    empty = bytearray(page[:26]) + b"\x01\x00"  # one packet of 0 bytes
    empty[5] |= 4
    empty[18:22] = (int.from_bytes(page[18:22], "little") + 1).to_bytes(4, "little")
    for one in (page, empty):
        one[22:26] = bytes(4)
        one[22:26] = checksum(bytes(one)).to_bytes(4, "little")
    path.write_bytes(content[:last] + page + empty)
    y, said = read(path)
    assert said == []
    np.testing.assert_array_equal(y, whole)


def test_vorbis_headers_that_come_twice_are_no_damage(music, tmp_path):
    path = tmp_path / "a.ogg"
    write_kind(path, music(1.0), FILE_KINDS["vorbis.ogg"])
    whole, _ = read(path)
    content = path.read_bytes()
    with open(path, "rb") as file:
        first, second, sound, *_ = pages(file)
    again = bytearray(content[second.start : second.start + 27])
    again[26] = len(first.lacing + second.lacing)
    again += first.lacing + second.lacing + content[first.body_start : first.size]
    again += content[second.body_start : sound.start]
    again[22:26] = bytes(4)
    again[22:26] = checksum(bytes(again)).to_bytes(4, "little")
    path.write_bytes(content[: sound.start] + again + content[sound.start :])
    y, said = read(path)
    assert said == []
    np.testing.assert_array_equal(y, whole)


@pytest.mark.parametrize("name", ["bare.aac", "true audio.tta"])
def test_a_file_that_does_not_tell_is_damaged_where_it_ends(music, tmp_path, name):
    path = tmp_path / name
    write_kind(path, music(3.0), FILE_KINDS[name])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    y, (warning,) = read(path)
    assert f"the file is damaged at {len(y) / RATE:.3f} s" in warning
    assert refused(path) == warning


@pytest.mark.parametrize("excess", [1, 4, 16, 4000, 10**6])
def test_a_wav_whose_header_states_too_much(music, tmp_path, excess):
    x = music(0.5)
    path = tmp_path / "a.wav"
    soundfile.write(path, x, RATE, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = (4 * len(x) + excess).to_bytes(4, "little")
    path.write_bytes(content)
    y, said = read(path)
    assert len(y) == len(x)
    if excess < 4:  # less than a sample of both channels
        assert said == []
        return
    assert missing_s(said[0]) == pytest.approx(excess // 4 / RATE, abs=0.0006)
    assert "the file is cut off after 0.500 s" in said[0]
    assert refused(path) == said[0]


@pytest.mark.parametrize(("seconds", "factor"), [(2, 1.04), (2, 3)])
def test_an_mp3_that_counts_too_many_frames(music, tmp_path, seconds, factor):
    path = tmp_path / "a.mp3"
    write_coded(path, music(seconds), RATE, "libmp3lame")
    whole, _ = read(path)
    content = bytearray(path.read_bytes())
    place = next(content.index(tag) for tag in (b"Info", b"Xing") if tag in content) + 8
    frames = int.from_bytes(content[place : place + 4], "big")
    more = round(frames * factor) - frames
    content[place : place + 4] = (frames + more).to_bytes(4, "big")
    path.write_bytes(content)
    y, (warning,) = read(path)
    assert len(whole) <= len(y) <= len(whole) + 1152
    assert missing_s(warning) == pytest.approx(more * 1152 / RATE, abs=1152 / RATE)


@pytest.mark.parametrize("more", [1, 44100])
def test_a_flac_that_states_too_much(music, tmp_path, more):
    x = music(1.0)
    path = tmp_path / "a.flac"
    soundfile.write(path, x, RATE)
    content = bytearray(path.read_bytes())
    content[8 + 14 : 8 + 18] = (len(x) + more).to_bytes(4, "big")  # in STREAMINFO
    path.write_bytes(content)
    y, (warning,) = read(path)
    assert len(y) == len(x)
    assert missing_s(warning) == pytest.approx(more / RATE, abs=0.0006)


# Holes.


@pytest.mark.parametrize("name", ["16 bit.flac", "lame.mp3", "flac.oga", "opus.opus", "vorbis.ogg"])
def test_a_hole_is_left_out_and_named(music, tmp_path, name):
    """Bytes in the middle are overwritten."""
    kind = FILE_KINDS[name]
    path = tmp_path / name
    write_kind(path, music(8.0, kind.sample_rate), kind)
    whole, _ = read(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1500] = np.random.default_rng(1).bytes(1500)
    path.write_bytes(content)
    y, (warning,) = read(path)
    assert 0 < len(whole) - len(y) < 1.6 * kind.sample_rate  # a page of Ogg holds a second
    quarter = len(whole) // 4
    np.testing.assert_allclose(y[:quarter], whole[:quarter], atol=1e-6)
    assert abs(lag(y[-quarter:], whole[-quarter:])) < 1152  # some of the padding at the end may be left
    assert missing_s(warning) == pytest.approx((len(whole) - len(y)) / kind.sample_rate, abs=0.001)
    if place := re.search(r"damaged at ([\d.]+) s", warning):
        assert 2 < float(place[1]) < 6
    assert refused(path) == warning


@pytest.mark.parametrize("name", ["16 bit.flac", "wavpack.wv", "true audio.tta"])
def test_damage_is_not_decoded_to_noise(tmp_path, name):
    """These have checksums; where they are not looked at, full scale comes out."""
    t = np.arange(4 * RATE + 13)[:, None] / RATE
    x = (0.3 * np.sin(2 * np.pi * (300 + 40 * t) * t * [[1.0, 1.3]])).astype(np.float32)
    write_kind(tmp_path / name, x, FILE_KINDS[name])
    content = bytearray((tmp_path / name).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1500] = np.random.default_rng(0).bytes(1500)
    (tmp_path / name).write_bytes(content)
    y, (warning,) = read(tmp_path / name)
    assert np.abs(y).max() < 0.301
    assert missing_s(warning) == pytest.approx((len(x) - len(y)) / RATE, abs=0.001)


def test_damage_behind_an_excerpt_does_not_matter(music, tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, (3 * RATE, 2)), RATE)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 5])
    y, said = read(path, duration=1.0, strict=True)
    assert (len(y), said) == (RATE, [])
    y, said = read(path, start=1.0)
    assert 0 < len(y) < RATE
    assert len(said) == 1


def test_ogg_without_its_end(music, tmp_path):
    """All pages are whole: how much is missing, nothing says."""
    path = tmp_path / "a.ogg"
    soundfile.write(path, music(3.0), RATE)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"OggS")])
    y, (warning,) = read(path)
    assert warning == f"{path}: the file is cut off after {len(y) / RATE:.3f} s; it does not say how much is missing"


@pytest.mark.parametrize(("more", "warns"), [(0, False), (124, False), (5000, True)])
def test_ogg_whose_length_is_counted_differently(music, tmp_path, more, warns):
    """A few milliseconds are what decoders disagree about; more is missing."""
    path = tmp_path / "a.ogg"
    soundfile.write(path, music(3.0), RATE)
    content = path.read_bytes()
    start = content.rindex(b"OggS")
    page = bytearray(content[start:])
    page[6:14] = (3 * RATE + more).to_bytes(8, "little")
    page[22:26] = bytes(4)
    page[22:26] = checksum(bytes(page)).to_bytes(4, "little")
    path.write_bytes(content[:start] + page)
    y, warnings = read(path)
    assert len(y) <= 3 * RATE + more
    assert len(warnings) == warns
    for warning in warnings:
        assert missing_s(warning) == pytest.approx((3 * RATE + more - len(y)) / RATE, abs=0.0006)


def test_a_broken_link_of_a_chain_is_left_out(music, tmp_path):
    soundfile.write(tmp_path / "a.ogg", music(1.0), RATE)
    link = (tmp_path / "a.ogg").read_bytes()
    broken = bytearray(link)
    broken[40:-200] = bytes(len(link) - 240)
    (tmp_path / "chain.ogg").write_bytes(link + broken + link)
    y, (warning,) = read(tmp_path / "chain.ogg")
    assert len(y) == 2 * RATE
    assert "damaged at 1.000 s" in warning


def test_a_film_that_is_cut_off(music, tmp_path):
    path = tmp_path / "a.mkv"
    write_coded(path, music(4.0, 48000), 48000, "aac", picture_s=4.0)
    whole, said = read(path)
    assert said == []
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    y, (warning,) = read(path)
    assert len(y) < 0.7 * len(whole)
    assert missing_s(warning) == pytest.approx((len(whole) - len(y)) / 48000, abs=0.15)


def test_what_decodes_to_nothing_is_an_error(music, tmp_path):
    soundfile.write(tmp_path / "a.flac", music(1.0), RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[100:] = bytes(len(content) - 100)
    for name, data in (("head.flac", content), ("head.wav", b"RIFF\xff\xff\0\0WAVEfmt \x10\0\0\0" + bytes(16))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(AudioError, match=rf"{name}: expected an audio"):
            AudioReader(tmp_path / name)


@pytest.mark.parametrize("name", ["16 bit.WAV", "apple.aiff", "core.caf", "sony.w64", "vorbis.ogg"])
@pytest.mark.parametrize("size", [b"\x7f" + b"\xff" * 7, b"\xff" * 8, b"\x00" * 8, b"\x80" + b"\x00" * 7])
def test_sizes_that_point_anywhere(music, tmp_path, name, size):
    """At every place of a header: read, or refused in one line, and soon."""
    kind, path = FILE_KINDS[name], tmp_path / name
    write_kind(path, music(0.1, kind.sample_rate), kind)
    content = path.read_bytes()
    for place in range(0, 120, 4):
        path.write_bytes(content[:place] + size + content[place + 8 :])
        refused = ""
        try:
            y, _ = read(path)
        except AudioError as error:
            refused = str(error)
        assert refused.startswith(f"{path}: expected ") if refused else y.ndim == 2
        assert "\n" not in refused


def test_an_unknown_codec(music, tmp_path):
    soundfile.write(tmp_path / "a.wav", music(0.1), RATE)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    place = content.index(b"fmt ") + 8
    content[place : place + 2] = b"\x34\x12"
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=r"a.wav: expected an audio file. Received: one of an unknown codec"):
        AudioReader(tmp_path / "a.wav")


def test_a_stream_that_turns_up_late_does_not_disturb_the_other(music, tmp_path):
    """One damaged bit names a stream that the container has not announced: PyAV fails at the file's end then."""
    path, packet_size = tmp_path / "broadcast.ts", 188
    write_kind(path, music(0.5), FILE_KINDS["broadcast.ts"])
    whole, _ = read(path)
    content = bytearray(path.read_bytes())
    begins_sound = b"\x47\x41\x00"  # a packet of the stream 0x100 that begins a block of it
    places = [at for at in range(0, len(content), packet_size) if content[at : at + 3] == begins_sound]
    content[places[-1] + 2] ^= 1
    path.write_bytes(content)
    with av.open(path) as container, pytest.raises(IndexError):
        list(container.demux(list(container.streams)))
    y, _ = read(path)
    assert 0.5 * len(whole) < len(y) < len(whole)
    np.testing.assert_allclose(y[:-1152], whole[: len(y) - 1152], atol=1e-6)


@pytest.mark.parametrize("behind", [False, True])
def test_tags_that_claim_more_than_the_file_are_not_read(music, tmp_path, behind):
    """FFmpeg would reserve as much memory as the damaged size says."""
    path = tmp_path / "tags.wav"
    soundfile.write(path, music(0.2), RATE, subtype="FLOAT")
    content = path.read_bytes()
    tags = b"LIST\xf0\xff\xff\x7fINFOIART\xd0\xff\xff\x7fname"
    path.write_bytes(content + tags if behind else content[:12] + tags + content[12:])
    with path.open("rb") as file:
        (link,) = links(file)
    assert list(link.patches.values()) == [b"JUNK"]
    if behind:
        y, warnings = read(path)
        np.testing.assert_array_equal(y, music(0.2))
        assert warnings == []
    else:
        with pytest.raises(AudioError, match="expected an audio file"):
            read(path)
