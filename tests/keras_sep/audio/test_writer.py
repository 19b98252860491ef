from __future__ import annotations

import errno
import hashlib
import io
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from keras_sep import AudioError
from keras_sep.audio import FORMATS, AudioReader, AudioWriter, Cover, common_gain
from keras_sep.audio import wav as wav_module
from keras_sep.audio.mp3 import state_length
from keras_sep.audio.sink import Sink
from tests.support.coded import lag, png, write_coded
from tests.support.needs import needs_posix

TAGS = {"title": "Tïtle", "artist": "A", "album": "B", "track": "3/9", "date": "1999", "comment": "c"}


def write(path, x: np.ndarray, sample_rate: int = 44100, format: str = "wav", gain: float = 1.0, **options):
    writer = AudioWriter(path, sample_rate, x.shape[1], format, **options)
    writer.open()
    for begin in range(0, len(x), 7001):
        writer.write(x[begin : begin + 7001])
    writer.finish(gain)
    writer.commit()
    return writer


def read(path) -> np.ndarray:
    with AudioReader(path) as reader:
        x = np.concatenate(list(reader.blocks()))
        assert reader.warnings == []
    return x


# Formats.


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("sample_rate", "num_channels"), [(44100, 2), (48000, 1), (22050, 2), (96000, 2), (37800, 1)])
def test_every_format_keeps_length_and_place(music, tmp_path, format, sample_rate, num_channels):
    x = music(0.6, sample_rate, num_channels)[:-13]
    path = tmp_path / f"a{FORMATS[format].suffix}"
    write(path, x, sample_rate, format)
    assert list(tmp_path.iterdir()) == [path]
    stored = FORMATS[format].rate_for(sample_rate)
    with AudioReader(path) as reader:
        assert (reader.sample_rate, reader.num_channels) == (stored, num_channels)
        assert reader.num_samples == pytest.approx(len(x) * stored / sample_rate, abs=1)
    y = read(path)
    assert len(y) == round(len(x) * stored / sample_rate)
    expected = x if stored == sample_rate else music(0.6, stored, num_channels)
    late = lag(y, expected)
    assert late == 0 or (stored != sample_rate and abs(late) <= stored / sample_rate)  # `music` is a sum up to there
    inside = slice(2048, len(y) - 2048)
    error = y[inside] - expected[: len(y)][inside]
    bits = {"wav": 0.0, "wav16": 2.0**-16, "wav24": 2.0**-24, "flac": 2.0**-24}.get(format)
    if bits is not None:
        assert np.abs(y - x).max() <= bits * 1.01
    assert np.square(error).sum() < 1e-2 * np.square(expected).sum()  # 20 dB


@pytest.mark.parametrize("sample_rate", [44100, 22050])
def test_an_mp3_states_its_length_wherever_its_last_frame_ends(tmp_path, sample_rate):
    x = np.random.default_rng(0).uniform(-0.3, 0.3, (12000, 1)).astype(np.float32)
    frame = 1152 if sample_rate > 32000 else 576
    for excess in (0, 1, 23, 46, 47, 48, 49, 300, 527, 528, 529, 530, frame - 48, frame - 1):
        write(tmp_path / "a.mp3", x[: 9 * frame + excess], sample_rate, "mp3")
        assert len(read(tmp_path / "a.mp3")) == 9 * frame + excess
        assert soundfile.info(tmp_path / "a.mp3").frames == 9 * frame + excess


def test_the_first_frame_of_an_mp3_keeps_its_checksum(music, tmp_path):
    """FFmpeg's own is right where it needs no other padding."""
    write_coded(tmp_path / "a.mp3", music(1.0), 44100, "libmp3lame")
    before = (tmp_path / "a.mp3").read_bytes()
    with (tmp_path / "a.mp3").open("rb+") as file:
        state_length(Sink(file), 44100, 44100)
    assert (tmp_path / "a.mp3").read_bytes() == before
    with (tmp_path / "a.mp3").open("rb+") as file:
        state_length(Sink(file), 44000, 44100)
    assert (tmp_path / "a.mp3").read_bytes() != before
    assert len(read(tmp_path / "a.mp3")) == 44000


def test_rates_and_bit_rates():
    rates = {format: [FORMATS[format].rate_for(rate) for rate in (7000, 44100, 50000, 192000)] for format in FORMATS}
    assert rates["wav"] == rates["wav16"] == rates["flac"] == rates["ogg"] == [7000, 44100, 50000, 192000]
    assert rates["mp3"] == [8000, 44100, 48000, 48000]
    assert rates["m4a"] == [8000, 44100, 64000, 96000]
    assert rates["opus"] == [48000] * 4
    assert [FORMATS[format].bitrate_for(2) for format in FORMATS] == [None] * 5 + [320, 256, 192]
    assert FORMATS["m4a"].bitrate_for(6) == 512


@pytest.mark.parametrize(
    ("format", "sample_rate", "num_channels", "bitrate", "reason"),
    [
        ("flac", 44100, 9, None, "expected at most 8 channels as flac. Received: 9"),
        ("flac", 700000, 2, None, "expected at most 655350 Hz as flac. Received: 700000"),
        ("ogg", 384000, 2, None, "expected at most 200000 Hz as ogg. Received: 384000"),
        ("ogg", 44100, 9, None, "expected at most 8 channels as ogg. Received: 9"),
        ("mp3", 44100, 3, None, "expected at most 2 channels as mp3. Received: 3"),
        ("m4a", 44100, 7, None, "expected at most 6 channels as m4a. Received: 7"),
        ("opus", 48000, 3, None, "expected at most 2 channels as opus. Received: 3"),
        ("ogg", 44100, 2, 128, "ogg takes no bit rate. Received: 128 kbit/s"),
        ("wav", 44100, 2, 128, "wav takes no bit rate. Received: 128 kbit/s"),
        ("mp3", 44100, 2, 321, "expected 32 to 320 kbit/s as mp3. Received: 321"),
        ("opus", 44100, 2, 8, "expected 16 to 510 kbit/s as opus of 2 channels. Received: 8"),
    ],
)
def test_what_a_format_cannot_hold_is_said(tmp_path, format, sample_rate, num_channels, bitrate, reason):
    path = tmp_path / "stem"
    with pytest.raises(AudioError) as error:
        AudioWriter(path, sample_rate, num_channels, format, bitrate=bitrate)
    assert str(error.value) == f"{path}: cannot write: {reason}"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", [{"format": "aiff"}, {"clip_mode": "wrap"}])
def test_unknown_formats_and_clip_modes(tmp_path, wrong):
    with pytest.raises(AudioError, match=r"expected one of .*\. Received: '(aiff|wrap)'"):
        AudioWriter(tmp_path / "a", 44100, 2, **wrong)


@pytest.mark.parametrize("format", ["wav", "wav24", "flac", "ogg", "m4a"])
@pytest.mark.parametrize("num_channels", [3, 4, 5, 6])
def test_many_channels_stay_in_order(tmp_path, format, num_channels):
    t = np.arange(20000) / 48000
    x = np.stack([0.3 * np.sin(2 * np.pi * (40 + 8 * c) * t) for c in range(num_channels)], 1).astype(np.float32)
    write(tmp_path / "a", x, 48000, format)
    y = read(tmp_path / "a")
    inside = slice(4096, -4096)
    for channel in range(num_channels):
        nearest = [np.abs(y[inside, channel] - x[inside, other]).mean() for other in range(num_channels)]
        assert np.argmin(nearest) == channel


@pytest.mark.parametrize("bitrate", [64, 192])
@pytest.mark.parametrize("format", ["mp3", "m4a", "opus"])
def test_a_bit_rate_is_kept(tmp_path, format, bitrate):
    x = np.random.default_rng(0).uniform(-0.3, 0.3, (3 * 48000, 2)).astype(np.float32)
    write(tmp_path / "a", x, 48000, format, bitrate=bitrate)
    assert (tmp_path / "a").stat().st_size * 8 / 3000 == pytest.approx(bitrate, rel=0.15)


# What is the same, and what is carried.


@pytest.mark.parametrize("format", FORMATS)
def test_bytes_are_the_same_from_run_to_run(music, tmp_path, monkeypatch, format):
    digests = set()
    for index in range(2):
        monkeypatch.setattr(time, "time", lambda now=1e9 * (1 + index): now)
        write(tmp_path / "a", music(0.5), 44100, format, tags=TAGS)
        digests.add(hashlib.sha256((tmp_path / "a").read_bytes()).digest())
        time.sleep(1.05 if index == 0 and format in ("wav", "ogg") else 0)  # their old headers held the second
    assert len(digests) == 1


@pytest.mark.parametrize("format", FORMATS)
def test_tags_and_cover_are_carried(music, tmp_path, format):
    path, cover = tmp_path / "a", Cover(png(), "image/png")
    tags = TAGS | {"album_artist": "C", "disc": "1", "lyrics": "la\nla", "odd": "kept from nobody"}
    write(path, music(0.3), 44100, format, tags=tags, cover=cover)
    with AudioReader(path) as reader:
        assert TAGS.items() <= reader.tags.items()
        if FORMATS[format].container != "wav":
            assert reader.tags == {key: value for key, value in tags.items() if key != "odd"}
        assert reader.cover == (cover if FORMATS[format].holds_cover else None)
    assert len(read(path)) == pytest.approx(0.3 * FORMATS[format].rate_for(44100), abs=1)


def test_a_large_cover_of_an_ogg_file(music, tmp_path):
    """Its pages hold 64 KiB at most."""
    cover = Cover(png() + bytes(300000), "image/png")
    write(tmp_path / "a.ogg", music(0.5), 44100, "ogg", cover=cover, tags={"title": "x"})
    with AudioReader(tmp_path / "a.ogg") as reader:
        assert reader.cover == cover
    np.testing.assert_allclose(read(tmp_path / "a.ogg"), soundfile.read(tmp_path / "a.ogg")[0], atol=1e-4)


@pytest.mark.parametrize("format", ["mp3", "m4a", "flac"])
@pytest.mark.parametrize(
    "cover", [Cover(b"no picture", "image/png"), Cover(b"", "image/jpeg"), Cover(b"x", "text/html")]
)
def test_what_is_no_picture_is_left_out(music, tmp_path, format, cover):
    write(tmp_path / "a", music(0.3), 44100, format, cover=cover)
    with AudioReader(tmp_path / "a") as reader:
        assert reader.cover is None
    assert len(read(tmp_path / "a")) == round(0.3 * 44100)


def test_vorbis_is_what_libsndfile_makes(music, tmp_path):
    x = music(3.0)
    write(tmp_path / "a.ogg", x, 44100, "ogg")
    with soundfile.SoundFile(tmp_path / "b.ogg", "w", 44100, 2) as file:
        for begin in range(0, len(x), 7001):
            file.write(x[begin : begin + 7001])
    np.testing.assert_array_equal(soundfile.read(tmp_path / "a.ogg")[0], soundfile.read(tmp_path / "b.ogg")[0])


# Clipping.


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("clip_mode", ["warn", "clamp", "rescale"])
def test_samples_beyond_full_scale(music, tmp_path, format, clip_mode):
    x = 4 * music(0.5, 48000)
    count, peak = int((np.abs(x) > 1).sum()), float(np.abs(x).max())
    assert peak > 1.5
    path = tmp_path / "a"
    writer = AudioWriter(path, 48000, 2, format, clip_mode=clip_mode)
    writer.open()
    writer.write(x)
    writer.end()
    gain = common_gain([writer]) if clip_mode == "rescale" else 1.0
    writer.finish(gain)
    writer.commit()
    assert list(tmp_path.iterdir()) == [path]
    assert writer.peak == pytest.approx(peak)
    y = read(path)
    if format == "wav":
        expected, clipped = x, 0
        assert gain == 1
    elif clip_mode == "rescale":
        expected, clipped = x / peak, 0
        assert writer.gain == pytest.approx(1 / peak)
    else:
        expected, clipped = np.clip(x, -1, 1), count
    assert writer.num_clipped == clipped
    if FORMATS[format].bitrates is None and format != "ogg":
        np.testing.assert_allclose(y, expected, atol=2.0**-14)
    else:
        np.testing.assert_allclose(y[4096:-4096], expected[4096:-4096], atol=0.25)
    if clipped and clip_mode == "warn":
        assert writer.warnings == [
            f"{path}: {count} samples beyond full scale are clipped, the loudest of them by "
            f'{20 * np.log10(peak):.1f} dB; the clip mode "rescale" or the format "wav" keeps them'
        ]
    else:
        assert writer.warnings == []


@pytest.mark.parametrize("clip_mode", ["warn", "rescale"])
def test_what_only_resampling_brings_beyond_full_scale(tmp_path, clip_mode):
    """The edges of a square wave overshoot at another rate, which Opus needs."""
    square = np.float32(0.99) * np.sign(np.sin(2 * np.pi * 997 * np.arange(22050) / 44100)).astype(np.float32)
    writer = AudioWriter(tmp_path / "a.opus", 44100, 2, "opus", clip_mode=clip_mode)
    writer.open()
    for part in np.array_split(np.stack([square, square], axis=1), 7):
        writer.write(part)
    writer.end()
    assert writer.peak > 1.1
    writer.finish(common_gain([writer]))
    writer.commit()
    assert (writer.num_clipped == 0) == (clip_mode == "rescale")
    loudest = f"{20 * np.log10(writer.peak):.1f} dB"
    assert [loudest in line for line in writer.warnings] == ([True] if clip_mode == "warn" else [])


def test_abort_on_a_full_disk_leaves_nothing(music, tmp_path):
    """What is kept until the gain is known waits in a buffer, and closing it fails as well."""
    writer = AudioWriter(tmp_path / "a.flac", 44100, 2, "flac", clip_mode="rescale")
    writer.open()
    writer.write(music(0.2))

    class Full:
        def close(self):
            kept.close()
            raise OSError(errno.EFBIG, "File too large")

    kept, writer._kept = writer._kept, Full()
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_one_gain_for_all_stems(music, tmp_path):
    writers = [AudioWriter(tmp_path / name, 44100, 2, "flac", clip_mode="rescale") for name in ("a", "b", "c")]
    for writer, factor in zip(writers, (8, 0.1, 2), strict=True):
        writer.open()
        writer.write(factor * music(0.2))
        writer.end()
    gain = common_gain(writers)
    assert gain == pytest.approx(1 / writers[0].peak)
    for writer, factor in zip(writers, (8, 0.1, 2), strict=True):
        writer.finish(gain)
        writer.commit()
        np.testing.assert_allclose(read(writer.path), gain * factor * music(0.2), atol=1e-6)
    quiet = AudioWriter(tmp_path / "d", 44100, 2, "flac", clip_mode="rescale")
    assert common_gain([quiet]) == 1.0  # never louder


# Wav.


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("format", ["wav", "wav16", "wav24"])
def test_a_wav_that_outgrows_32_bits_becomes_rf64(music, tmp_path, monkeypatch, known, format):
    """4 GiB: after 3 h 22 min of stereo in float. The limit is moved here."""
    monkeypatch.setattr(wav_module, "LONGEST", 20000)
    for samples, expected in ((1000, "WAV"), (9000, "RF64")):
        x = music(1.0)[:samples]
        write(tmp_path / "a.wav", x, 44100, format, num_samples=samples if known else None, tags=TAGS)
        info = soundfile.info(tmp_path / "a.wav")
        assert (info.format, info.frames, info.channels, info.samplerate) == (expected, samples, 2, 44100)
        np.testing.assert_allclose(soundfile.read(tmp_path / "a.wav")[0], x, atol=2.0**-16)
        np.testing.assert_allclose(read(tmp_path / "a.wav"), x, atol=2.0**-16)


def test_the_limit_of_a_wav_is_that_of_its_32_bits(tmp_path):
    """The header alone, of just below and just above."""
    for samples, expected in ((2**29 - 40, b"RIFF"), (2**29, b"RF64")):
        file = io.BytesIO()
        wav_module.WavEncoder(file, "pcm_f32le", 44100, 2, samples, {})
        header = file.getvalue()
        assert header[:4] == expected
        stated = int.from_bytes(header[-4:], "little")
        assert stated == (8 * samples if expected == b"RIFF" else 0xFFFFFFFF)
        assert expected == b"RIFF" or int.from_bytes(header[28:36], "little") == 8 * samples


def test_what_a_killed_process_leaves_of_a_wav_can_be_read(music, tmp_path):
    x = music(1.0)
    writer = AudioWriter(tmp_path / "a.wav", 44100, 2)
    writer.open()
    writer.write(x)
    (part,) = tmp_path.iterdir()
    (tmp_path / "copy.wav").write_bytes(part.read_bytes())
    writer.abort()
    y = read(tmp_path / "copy.wav")
    assert len(y) > 0.9 * len(x)  # the rest was in a buffer
    np.testing.assert_array_equal(y, x[: len(y)])


@pytest.mark.parametrize("num_channels", [1, 3])
def test_an_odd_number_of_bytes(tmp_path, num_channels):
    x = np.linspace(-1, 1, 333 * num_channels, dtype=np.float32).reshape(-1, num_channels)
    write(tmp_path / "a.wav", x, 44100, "wav24", tags={"title": "odd"})
    assert (tmp_path / "a.wav").stat().st_size % 2 == 0
    np.testing.assert_allclose(soundfile.read(tmp_path / "a.wav", always_2d=True)[0], x, atol=2.0**-22)


# All or nothing.


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("clip_mode", ["warn", "rescale"])
def test_an_unfinished_file_leaves_nothing(music, tmp_path, format, clip_mode):
    target = tmp_path / "vocals"
    target.write_text("the old one")
    writer = AudioWriter(target, 44100, 2, format, clip_mode=clip_mode)
    writer.abort()  # before there is anything
    writer.open()
    writer.write(music(0.5))
    assert len(list(tmp_path.iterdir())) > 1
    writer.abort()
    writer.abort()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["the old one"]


@pytest.mark.parametrize("format", FORMATS)
def test_finished_files_replace_older_ones(music, tmp_path, format):
    target = tmp_path / "vocals"
    target.write_text("the old one")
    writer = AudioWriter(target, 48000, 2, format)
    writer.open()
    writer.write(music(0.3, 48000))
    writer.finish()
    assert target.read_text() == "the old one"
    writer.commit()
    assert list(tmp_path.iterdir()) == [target]
    assert len(read(target)) == round(0.3 * 48000)
    writer.abort()  # too late
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("clip_mode", ["warn", "rescale"])
def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch, format, clip_mode):
    class Full:
        """Takes as much as fits, as a disk does."""

        def __init__(self, file, room):
            self._file, self._room = file, room
            self.flush, self.close, self.seek = file.flush, file.close, file.seek
            self.tell, self.read, self.fileno, self.seekable = file.tell, file.read, file.fileno, file.seekable

        @property
        def closed(self):
            return self._file.closed

        def write(self, data):
            self._room -= memoryview(data).nbytes
            if self._room < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return self._file.write(data)

    def fill(writer, x):
        writer.open()
        for begin in range(0, len(x), 16384):
            writer.write(x[begin : begin + 16384])
        writer.finish()

    x = np.random.default_rng(0).uniform(-0.5, 0.5, (300000, 2)).astype(np.float32)
    for room in (0, 20000):
        monkeypatch.setattr("keras_sep.audio.writer.open_part", lambda part, room=room: Full(part.open("wb+"), room))
        writer = AudioWriter(tmp_path / "a", 48000, 2, format, clip_mode=clip_mode)
        with pytest.raises(AudioError, match=r"a: cannot write: No space left on device$"):
            fill(writer, x)
        writer.abort()
        assert list(tmp_path.iterdir()) == []


def test_folders_that_are_none(tmp_path):
    (tmp_path / "file").touch()
    for path, reason in ((tmp_path / "missing/a.wav", "No such file"), (tmp_path / "file/a.wav", "Not a directory")):
        writer = AudioWriter(path, 44100, 2)
        with pytest.raises(AudioError, match=rf"a.wav: cannot write: {reason}"):
            writer.open()
        writer.abort()


@needs_posix
def test_a_name_need_not_be_text(music, tmp_path):
    path = tmp_path / os.fsdecode(b"bad\xff\xfe.ogg")
    for format in FORMATS:
        write(path, music(0.3), 44100, format)
        assert read(path).shape[1] == 2


def test_nothing_written_is_an_empty_file(tmp_path):
    for format in ("wav", "wav16"):
        write(tmp_path / "a", np.zeros((0, 2), np.float32), 44100, format)
        assert soundfile.info(tmp_path / "a").frames == 0


# Standard output.


@pytest.mark.parametrize("format", ["wav", "wav16", "flac", "mp3", "m4a", "ogg"])
@pytest.mark.parametrize("is_pipe", [True, False])
def test_standard_output(tmp_path, format, is_pipe):
    code = (
        "import sys, numpy as np\n"
        "from keras_sep.audio import AudioWriter\n"
        f"writer = AudioWriter('-', 44100, 2, {format!r}, num_samples=20000)\n"
        "writer.open(); writer.write(np.full((20000, 2), 0.25, np.float32)); writer.finish(); writer.commit()\n"
    )
    with (tmp_path / "out").open("wb") as file:
        file.write(b"before")
        file.flush()  # what is there already is not written over
        process = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE if is_pipe else file, check=True)
    data = process.stdout if is_pipe else (tmp_path / "out").read_bytes()
    assert is_pipe or data.startswith(b"before")
    (tmp_path / "heard").write_bytes(data if is_pipe else data[6:])
    y = read(tmp_path / "heard")
    assert y.shape == (20000, 2)
    np.testing.assert_allclose(y[4000:-4000], 0.25, atol=0.01)


def test_wav_goes_to_standard_output_as_it_comes(music, monkeypatch):
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out))
    writer = AudioWriter("-", 44100, 2, "wav16")
    writer.open()
    writer.write(music(0.5))
    assert len(out.getvalue()) > 4 * 0.5 * 44100
    writer.finish()
    writer.commit()
    assert soundfile.read(io.BytesIO(out.getvalue()))[0].shape == (22050, 2)


def test_who_hears_standard_output_may_go(music, monkeypatch):
    class Gone(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(Gone(), 1)))
    writer = AudioWriter("-", 44100, 2, "wav")

    def talk():
        writer.open()
        writer.write(music(0.5))

    with pytest.raises(BrokenPipeError):
        talk()
    writer.abort()


@pytest.mark.parametrize("name", [249 * "a" + ".wav", 83 * "歌" + ".wav"])
def test_names_as_long_as_a_file_system_takes(music, tmp_path, name):
    writer = AudioWriter(tmp_path / name, 44100, 2, "wav16", clip_mode="rescale")
    writer.open()
    writer.write(music(0.1))
    writer.finish()
    writer.commit()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_bit_rate_beyond_what_a_channel_takes(music, tmp_path):
    with pytest.raises(AudioError, match=r"expected 16 to 256 kbit/s as opus of 1 channel\. Received: 257"):
        AudioWriter(tmp_path / "a.opus", 44100, 1, "opus", bitrate=257)
    AudioWriter(tmp_path / "a.opus", 44100, 2, "opus", bitrate=510)
