from __future__ import annotations

import os
import subprocess
import threading

import numpy as np
import pytest
import soundfile

from keras_sep import AudioError, Separator
from keras_sep.audio import AudioReader, AudioWriter
from tests.support.needs import needs_ffmpeg


@pytest.fixture(scope="module")
def separator(unit_model) -> Separator:
    return Separator(model=unit_model("mask"))


def read(path) -> np.ndarray:
    return soundfile.read(path, dtype="float32", always_2d=True)[0]


def ffmpeg(*arguments: str | os.PathLike) -> bytes:
    return subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], check=True, capture_output=True).stdout


def blocks(path, **excerpt) -> np.ndarray:
    with AudioReader(path, **excerpt) as reader:
        return np.concatenate(list(reader.blocks()))


def lag(x: np.ndarray, reference: np.ndarray, reach: int = 3000) -> int:
    """Samples by which x is late, from the peak of the cross-correlation of the first channels."""
    n = min(len(x), len(reference))
    size = 2 * n
    spectrum = np.fft.rfft(x[:n, 0], size) * np.conj(np.fft.rfft(reference[:n, 0], size))
    correlation = np.fft.irfft(spectrum, size)
    return max(range(-reach, reach + 1), key=lambda i: correlation[i])


# Files that libsndfile reads.

KINDS = {
    "float.wav": ("WAV", "FLOAT"),
    "double.wav": ("WAV", "DOUBLE"),
    "32 bit.wav": ("WAV", "PCM_32"),
    "24 bit.wav": ("WAV", "PCM_24"),
    "16 bit.WAV": ("WAV", "PCM_16"),
    "8 bit.wav": ("WAV", "PCM_U8"),
    "adpcm.wav": ("WAV", "IMA_ADPCM"),
    "extensible.wav": ("WAVEX", "PCM_16"),
    "big.rf64": ("RF64", "PCM_16"),
    "apple.aiff": ("AIFF", "PCM_16"),
    "16 bit.flac": ("FLAC", "PCM_16"),
    "24 bit.FLAC": ("FLAC", "PCM_24"),
    "vorbis.ogg": ("OGG", "VORBIS"),
    "mpeg.mp3": ("MP3", "MPEG_LAYER_III"),
    "an mp3 named.wav": ("MP3", "MPEG_LAYER_III"),
    "sans suffixe – ça marche": ("FLAC", "PCM_16"),
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_file_comes_out_as_it_went_in(separator, music, tmp_path, name):
    path, (container, subtype) = tmp_path / name, KINDS[name]
    x = music(1.0)
    soundfile.write(path, x, 44100, format=container, subtype=subtype)
    decoded = read(path)
    written = separator.separate_file(path, tmp_path / "stems")
    assert set(written) == {"vocals", "accompaniment"}
    vocals, accompaniment = read(written["vocals"]), read(written["accompaniment"])
    assert vocals.shape == accompaniment.shape == decoded.shape
    np.testing.assert_allclose(vocals, decoded, atol=1e-5)
    np.testing.assert_allclose(accompaniment, decoded / 2, atol=1e-5)
    assert lag(vocals, x) == 0
    assert lag(vocals[1:], x) == -1  # so a lost sample would show


@pytest.mark.parametrize(
    ("format", "subtype", "atol"), [("wav", "FLOAT", 1e-6), ("flac", "PCM_24", 1e-6), ("ogg", "VORBIS", 0.1)]
)
@pytest.mark.parametrize(("sample_rate", "num_channels"), [(44100, 2), (48000, 1), (22050, 3), (192000, 2)])
def test_every_output_keeps_length_rate_and_channels(
    separator, music, tmp_path, format, subtype, atol, sample_rate, num_channels
):
    x = music(0.5, sample_rate, num_channels)
    soundfile.write(tmp_path / "in.wav", x, sample_rate, subtype="FLOAT")
    expected = separator.separate(x, sample_rate)
    written = separator.separate_file(tmp_path / "in.wav", tmp_path / "stems", format=format)
    for source, path in written.items():
        assert path == tmp_path / "stems" / f"{source}.{format}"
        info = soundfile.info(path)
        assert (info.frames, info.samplerate, info.channels) == (len(x), sample_rate, num_channels)
        assert info.subtype == subtype
        np.testing.assert_allclose(read(path), expected[source], atol=atol)
        assert lag(read(path), x) == 0
    assert sorted(p.name for p in (tmp_path / "stems").iterdir()) == [f"accompaniment.{format}", f"vocals.{format}"]


def test_wav_keeps_what_is_louder_than_full_scale(separator, music, tmp_path):
    x = 8 * music(0.3)
    assert np.abs(x).max() > 1.5
    soundfile.write(tmp_path / "loud.wav", x, 44100, subtype="FLOAT")
    for format, expected in (("wav", x), ("flac", np.clip(x, -1, 1))):
        written = separator.separate_file(tmp_path / "loud.wav", tmp_path, format=format)
        np.testing.assert_allclose(read(written["vocals"]), expected, atol=1e-5)


@pytest.mark.parametrize(("start", "duration"), [(0, 0.25), (0.3, None), (0.3, 0.25), (0.9, 60)])
def test_an_excerpt_is_the_excerpt(separator, music, tmp_path, start, duration):
    x = music(1.0)
    soundfile.write(tmp_path / "in.flac", x, 44100, subtype="PCM_24")
    first = round(start * 44100)
    last = len(x) if duration is None else min(len(x), first + round(duration * 44100))
    with AudioReader(tmp_path / "in.flac", start, duration) as reader:
        assert reader.num_samples == last - first
    written = separator.separate_file(tmp_path / "in.flac", tmp_path, start=start, duration=duration)
    np.testing.assert_allclose(read(written["vocals"]), x[first:last], atol=1e-5)


@pytest.mark.parametrize("excerpt", [{"start": -1}, {"start": np.nan}, {"duration": 0}, {"duration": np.inf}])
def test_impossible_excerpts(music, tmp_path, excerpt):
    soundfile.write(tmp_path / "in.wav", music(0.1), 44100)
    with pytest.raises(AudioError, match="expected a start of 0 s or more and a duration above 0 s"):
        AudioReader(tmp_path / "in.wav", **excerpt)


# Files that do not say how long they are. libsndfile would take a guess for the truth and end there.


def wav_of_size(path, x: np.ndarray, size: int) -> None:
    """A wav file whose header says `size` bytes of audio, as programs write it that cannot go back to the header."""
    soundfile.write(path, x, 44100, subtype="PCM_16", format="WAV")
    content = bytearray(path.read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000000])
def test_a_wav_from_a_pipe_is_whole(music, tmp_path, size):
    x = music(0.2)
    wav_of_size(tmp_path / "pipe.wav", x, size)
    np.testing.assert_allclose(blocks(tmp_path / "pipe.wav"), x, atol=1e-4)
    wav_of_size(tmp_path / "cut.wav", x, 4 * len(x) + 4)  # one sample short is cut off
    with pytest.raises(AudioError, match="cut off"):
        AudioReader(tmp_path / "cut.wav")


@needs_ffmpeg
def test_a_flac_from_a_pipe_is_whole(music, tmp_path, monkeypatch):
    x = music(1.0)
    soundfile.write(tmp_path / "in.wav", x, 44100, subtype="PCM_16")
    (tmp_path / "pipe.flac").write_bytes(ffmpeg("-i", tmp_path / "in.wav", "-f", "flac", "pipe:"))
    assert soundfile.info(tmp_path / "pipe.flac").frames != len(x)  # libsndfile does not know
    monkeypatch.setenv("PATH", "")
    np.testing.assert_allclose(blocks(tmp_path / "pipe.flac"), x, atol=1e-4)


@needs_ffmpeg
def test_an_mp3_without_a_length_is_whole(separator, music, tmp_path, monkeypatch):
    """Of variable bit rate and without a Xing frame: libsndfile thinks that it ends early."""
    x = np.concatenate([music(4.0), np.random.default_rng(0).uniform(-0.5, 0.5, (8 * 44100, 2)).astype("f4")])
    soundfile.write(tmp_path / "in.wav", x, 44100)
    path = tmp_path / "bare.mp3"
    ffmpeg("-i", tmp_path / "in.wav", "-write_xing", "0", "-q:a", "5", path)
    assert abs(soundfile.info(path).frames - len(x)) > 44100
    written = separator.separate_file(path, tmp_path / "stems")
    assert abs(soundfile.info(written["vocals"]).frames - len(x)) < 3000
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match=r"cannot tell its length, and ffmpeg, .* is not installed"):
        AudioReader(path)


@needs_ffmpeg
def test_tags_do_not_hide_an_mp3s_length(music, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "in.wav", music(1.0), 44100)
    ffmpeg("-i", tmp_path / "in.wav", "-metadata", "comment=" + "long " * 2000, tmp_path / "tags.mp3")
    monkeypatch.setenv("PATH", "")  # libsndfile alone
    assert len(blocks(tmp_path / "tags.mp3")) == 44100


# Files that ffmpeg reads.


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("song.m4a", ()),
        ("faststart.m4a", ("-movflags", "+faststart")),
        ("SONG.M4A", ()),
        ("-a song, 100% näive (live) 'quoted'.m4a", ()),
        ("song.aac", ()),
        ("song.webm", ("-c:a", "libopus")),
        ("film.mp4", ("-f", "lavfi", "-i", "color=s=64x64:r=5", "-shortest", "-c:v", "mpeg4")),
    ],
)
def test_what_ffmpeg_reads_is_aligned(separator, music, tmp_path, name, options):
    x = music(1.0)
    soundfile.write(tmp_path / "in.wav", x, 44100)
    path = tmp_path / name
    ffmpeg("-i", tmp_path / "in.wav", *options, f"file:{path}")
    ffmpeg("-i", f"file:{path}", "-c:a", "pcm_f32le", tmp_path / "decoded.wav")
    decoded, sample_rate = soundfile.read(tmp_path / "decoded.wav", dtype="float32")
    written = separator.separate_file(path, tmp_path / "stems")
    info = soundfile.info(written["vocals"])
    assert (info.frames, info.samplerate, info.channels) == (len(decoded), sample_rate, 2)
    assert lag(read(written["vocals"]), decoded) == 0
    first = sample_rate // 4
    expected = decoded[first : first + sample_rate // 2]
    excerpt = blocks(path, start=0.25, duration=0.5)
    np.testing.assert_allclose(excerpt, expected, atol=1e-6)


@needs_ffmpeg
def test_without_ffmpeg_there_is_one_clear_line(music, tmp_path, monkeypatch):
    soundfile.write(tmp_path / "in.wav", music(0.3), 44100)
    ffmpeg("-i", tmp_path / "in.wav", tmp_path / "song.m4a")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(AudioError) as error:
        AudioReader(tmp_path / "song.m4a")
    message = str(error.value)
    assert "song.m4a" in message
    assert "ffmpeg, which reads m4a, mp4, webm and more, is not installed" in message
    assert "\n" not in message


@needs_ffmpeg
def test_a_stopped_ffmpeg_is_gone(music, tmp_path):
    soundfile.write(tmp_path / "in.wav", np.tile(music(1.0), (5, 1)), 44100)  # far more than a pipe holds
    ffmpeg("-i", tmp_path / "in.wav", tmp_path / "song.m4a")
    with AudioReader(tmp_path / "song.m4a") as reader:
        next(iter(reader.blocks()))
        process = reader._source._process
        assert process.poll() is None
    assert process.returncode is not None


# Writing.


def test_an_unfinished_file_leaves_nothing(music, tmp_path):
    target = tmp_path / "vocals.wav"
    target.write_text("the old one")
    writer = AudioWriter(target, 44100, 2, "wav")
    writer.open()
    writer.write(music(0.1))
    assert len(list(tmp_path.iterdir())) == 2
    writer.abort()
    assert [p.read_text() for p in tmp_path.iterdir()] == ["the old one"]


def test_finished_files_replace_older_ones(music, tmp_path):
    target = tmp_path / "vocals.wav"
    target.write_text("the old one")
    writer = AudioWriter(target, 44100, 2, "wav")
    writer.open()
    writer.write(music(0.1))
    writer.finish()
    assert target.read_text() == "the old one"
    writer.commit()
    np.testing.assert_array_equal(read(target), music(0.1))
    assert list(tmp_path.iterdir()) == [target]


def test_a_long_wav_becomes_rf64(music, tmp_path):
    for num_samples, expected in ((None, "WAV"), (2**28, "WAV"), (2**29, "RF64")):
        writer = AudioWriter(tmp_path / "long.wav", 44100, 2, "wav", num_samples)
        writer.open()
        writer.write(music(0.1))
        writer.finish()
        writer.commit()
        assert soundfile.info(tmp_path / "long.wav").format == expected


def test_what_a_format_cannot_hold_is_said(separator, music, tmp_path):
    soundfile.write(tmp_path / "in.wav", music(0.1, num_channels=9), 44100)
    with pytest.raises(AudioError, match=r"cannot write: 44100 Hz, 9 channels as flac"):
        separator.separate_file(tmp_path / "in.wav", tmp_path / "a" / "b", format="flac")
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("wrong", [{"stems": ["drums"]}, {"stems": []}, {"format": "mp3"}])
def test_unknown_stems_and_formats(separator, music, tmp_path, wrong):
    soundfile.write(tmp_path / "in.wav", music(0.1), 44100)
    with pytest.raises(AudioError, match=r"expected .* Received: "):
        separator.separate_file(tmp_path / "in.wav", tmp_path / "stems", **wrong)
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]


@pytest.mark.parametrize("link", [False, True])
def test_the_input_is_never_replaced(separator, music, tmp_path, link):
    original = tmp_path / "vocals.wav"
    soundfile.write(original, music(0.1), 44100)
    content, path = original.read_bytes(), original
    if link:
        path = tmp_path / "link.wav"
        path.symlink_to(original)
    with pytest.raises(AudioError, match="it is the input"):
        separator.separate_file(path, tmp_path)
    assert original.read_bytes() == content
    assert {p.name for p in tmp_path.iterdir()} == {original.name, path.name}


def test_all_stems_or_none(separator, music, tmp_path):
    """The second one cannot be put in place; the first one must not have been."""
    soundfile.write(tmp_path / "in.wav", music(0.1), 44100)
    folder = tmp_path / "stems"
    (folder / "accompaniment.wav").mkdir(parents=True)
    with pytest.raises(AudioError, match=r"accompaniment.wav: cannot write: it is a folder"):
        separator.separate_file(tmp_path / "in.wav", folder)
    assert [p.name for p in folder.iterdir()] == ["accompaniment.wav"]


@pytest.mark.parametrize("sample_rate", [44100, 48000])
def test_progress_of_a_file(separator, music, tmp_path, sample_rate):
    x, seen = music(1.0, sample_rate), []
    soundfile.write(tmp_path / "in.wav", x, sample_rate)
    separator.separate_file(tmp_path / "in.wav", tmp_path, progress=lambda *numbers: seen.append(numbers))
    done = [numbers[0] for numbers in seen]
    assert done == sorted(set(done))
    assert seen[-1] == (len(x), len(x), sample_rate)


def test_a_progress_that_raises_leaves_nothing(separator, music, tmp_path):
    soundfile.write(tmp_path / "in.wav", np.tile(music(1.0), (5, 1)), 44100)
    before = threading.active_count()

    def stop(done: int, total: int | None, sample_rate: int) -> None:
        assert len(list((tmp_path / "new" / "stems").iterdir())) == 2  # they are being written
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        separator.separate_file(tmp_path / "in.wav", tmp_path / "new" / "stems", progress=stop)
    assert [p.name for p in tmp_path.iterdir()] == ["in.wav"]
    assert threading.active_count() == before
