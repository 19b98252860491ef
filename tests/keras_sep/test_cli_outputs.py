"""`keras-sep separate`: many songs, what is made of them, under which names, and what is there already."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from keras_sep import AudioError, Separator, __version__
from keras_sep.audio import FORMATS, AudioReader, AudioWriter, Cover
from keras_sep.batch.records import RECORD
from tests.support.commands import here, process
from tests.support.needs import needs_posix
from tests.support.paths import GOLDEN

UNIT = GOLDEN / "unit-mask-float32.tflite"
PAIR = ("vocals", "accompaniment")
# A black square, as small as one can be.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763606060000000040001"
    "2734270a0000000049454e44ae426082"
)


def separate(*arguments: str | os.PathLike, run=here, **options) -> subprocess.CompletedProcess[str]:
    return run("separate", "--model", UNIT, *arguments, **options)


def done(result: subprocess.CompletedProcess[str]) -> list[str]:
    """Lines that a command says on standard error, which has done all it was asked to."""
    assert result.returncode == 0, result.stderr
    return result.stderr.splitlines()


def refused(result: subprocess.CompletedProcess[str], status: int = 1) -> str:
    assert result.returncode == status, result.stderr
    (line,) = result.stderr.splitlines()
    assert line.startswith("keras-sep: error: ")
    return line


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != RECORD)


def sound(path: Path) -> np.ndarray:
    with AudioReader(path, strict=True) as reader:
        return np.concatenate(list(reader.blocks()))


@pytest.fixture
def song(music, tmp_path) -> Path:
    path = tmp_path / "in" / "song.wav"
    path.parent.mkdir()
    soundfile.write(path, music(0.5), 44100, subtype="FLOAT")
    return path


@pytest.fixture
def library(music, tmp_path) -> Path:
    """Songs in folders, each with a level of its own, among other things."""
    folder = tmp_path / "library"
    for number, name in enumerate(("a/x.wav", "a/deep/y.wav", "z.wav"), 1):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, number / 4 * music(0.3), 44100, subtype="FLOAT")
    (folder / "a" / "cover.jpg").write_bytes(PNG)
    (folder / ".hidden.wav").write_text("not music")
    return folder


# Folders and names.


def test_a_folder_comes_out_as_the_same_tree(library, music, tmp_path):
    out = tmp_path / "out"
    result = separate(library, "-o", out)
    assert done(result) == []
    assert files(out) == sorted(f"{name}/{stem}.wav" for name in ("a/x", "a/deep/y", "z") for stem in PAIR)
    for number, name in enumerate(("a/x", "a/deep/y", "z"), 1):  # each got its own
        np.testing.assert_allclose(sound(out / name / "vocals.wav"), number / 4 * music(0.3), atol=1e-5)
    expected = [f"{out}/{name}/{stem}.wav" for name in ("a/deep/y", "a/x", "z") for stem in PAIR]
    assert result.stdout.splitlines() == expected

    again = separate(library, "-o", out)
    assert (again.stdout, len(done(again))) == ("", 3)
    assert all(": skipped, its stems are in " in line for line in again.stderr.splitlines())


def test_only_what_is_included_and_named_by_a_template(library, tmp_path):
    out = tmp_path / "out"
    options = ("--include", "A/*.WAV", "--name", "{stem}/{name} ({preset})", "--format", "flac")
    assert done(separate(library, "-o", out, *options)) == []
    made = [f"{stem}/a/{name} (unit-mask-float32).flac" for stem in PAIR for name in ("deep/y", "x")]
    assert files(out) == sorted(made)
    record = json.loads((out / "vocals" / "a" / RECORD).read_text())
    assert list(record["files"]) == ["x (unit-mask-float32).flac"]  # one a folder


def test_the_output_folder_may_be_the_input_folder(library):
    before = files(library)
    assert done(separate(library, "-o", library)) == []
    made = files(library)
    assert len(made) == len(before) + 6
    assert len(done(separate(library, "-o", library))) == 3  # skipped; the stems are no songs
    assert files(library) == made


@needs_posix
def test_a_loop_of_links_ends(library, tmp_path):
    (library / "a" / "loop").symlink_to(library)
    assert done(separate(library, "-o", tmp_path / "out")) == []
    assert len(files(tmp_path / "out")) == 6


def test_a_dry_run_says_all_and_does_nothing(library, tmp_path):
    out = tmp_path / "out"
    assert done(separate(library / "z.wav", "-o", out)) == []
    (out / "a" / "x").mkdir(parents=True)
    (out / "a" / "x" / "vocals.wav").write_text("mine")
    part = out / "z" / ".vocals.wav.999999999.part"
    part.touch()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    result = separate(library, library / "none.wav", "-o", out, "--dry-run")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        f"{library}/.hidden.wav: skipped: hidden",
        f"{library}/a/cover.jpg: skipped: not an audio or film file by its suffix (--include takes others)",
        f"{library}/a/deep/y.wav -> {out}/a/deep/y/vocals.wav",
        f"{library}/a/deep/y.wav -> {out}/a/deep/y/accompaniment.wav",
        f"{library}/z.wav: skipped, its stems are in {out}/z (--overwrite replaces them)",
    ]
    assert result.stderr.splitlines() == [
        f"keras-sep: error: {library}/a/x.wav: {out}/a/x/vocals.wav is there already, "
        "and nothing says what it was made of; --overwrite replaces it",
        f"keras-sep: error: {library}/none.wav: cannot read: No such file or directory",
    ]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert here("separate", library / "z.wav", "-o", tmp_path / "other", "--dry-run").returncode == 0


# What is there already.


def test_stems_of_something_else_are_never_called_this_songs(song, music, tmp_path):
    out, other = tmp_path / "out", tmp_path / "other" / "song.wav"
    other.parent.mkdir()
    soundfile.write(other, music(0.4), 44100)
    assert done(separate(song, "-o", out)) == []
    made = {path: path.read_bytes() for path in (out / "song").iterdir()}
    vocals = out / "song" / "vocals.wav"
    for arguments, said in [
        ((other,), f"made of {song}"),
        ((song, "--start", "0.1"), "made of the song from 0 s to the end"),
        ((song, "--format", "wav16"), "made with format wav"),
    ]:
        line = refused(separate(*arguments, "-o", out))
        assert line == f"keras-sep: error: {arguments[0]}: {vocals} is there already, {said}; --overwrite replaces it"
    line = refused(here("separate", song, "-o", out, "--preset", "small"))
    assert "vocals.wav is there already, made by unit-mask-float32; --overwrite" in line
    assert refused(separate(tmp_path / "nowhere" / "song.wav", "-o", out)).endswith("No such file or directory")
    assert {path: path.read_bytes() for path in (out / "song").iterdir()} == made

    assert done(separate(other, "-o", out, "--overwrite")) == []
    assert sound(vocals).shape == (17640, 2)
    assert len(done(separate(other, "-o", out))) == 1  # skipped
    assert f"made of {other}" in refused(separate(song, "-o", out))


def test_stems_that_nothing_is_known_of_stay_and_missing_ones_are_made(song, tmp_path):
    vocals = tmp_path / "out" / "song" / "vocals.wav"
    vocals.parent.mkdir(parents=True)
    vocals.write_text("mine")
    assert "nothing says what it was made of; --overwrite" in refused(separate(song, "-o", tmp_path / "out"))
    assert files(vocals.parent) == ["vocals.wav"]
    assert done(separate(song, "-o", tmp_path / "out", "--stems", "accompaniment")) == []
    vocals.unlink()
    result = separate(song, "-o", tmp_path / "out")
    assert (done(result), result.stdout.splitlines()) == ([], [str(vocals)])
    vocals.write_text("mine")
    assert "vocals.wav is there already, changed since it was made" in refused(separate(song, "-o", tmp_path / "out"))
    assert vocals.read_text() == "mine"
    assert done(separate(song, "-o", tmp_path / "out", "--overwrite")) == []
    assert sound(vocals).shape == (22050, 2)


def test_the_record_says_what_stems_were_made_of(song, tmp_path):
    assert done(separate(song, "-o", tmp_path / "out", "--start", "0:0.1", "--duration", "0.2")) == []
    record = json.loads((tmp_path / "out" / "song" / RECORD).read_text())
    assert list(record["files"]) == ["vocals.wav", "accompaniment.wav"]
    assert record["files"]["vocals.wav"] == {
        "song": "../../in/song.wav",
        "bytes": song.stat().st_size,
        "mtime_ns": song.stat().st_mtime_ns,
        "model": Separator(model=UNIT).metadata["sha256"],
        "model_name": "unit-mask-float32",
        "gains": {"vocals": 1.0},
        "format": "wav",
        "bitrate": None,
        "clip_mode": "warn",
        "start": 0.1,
        "duration": 0.2,
        "version": __version__,
        "complete": True,
        "size": (tmp_path / "out" / "song" / "vocals.wav").stat().st_size,
    }


def test_overwrite_never_replaces_another_input(song, music, tmp_path):
    """Even where the first song's stems are the second song."""
    assert done(separate(song, "-o", song.parent)) == []
    stem = song.parent / "song" / "vocals.wav"
    soundfile.write(stem, music(0.1), 44100)
    before = {path: path.read_bytes() for path in song.parent.rglob("*") if path.is_file()}
    line = refused(separate(song, stem, "-o", song.parent, "--overwrite"))
    assert line == f"keras-sep: error: {stem}: cannot write: it is another input; choose another OUTDIR"
    assert {path: path.read_bytes() for path in song.parent.rglob("*") if path.is_file()} == before


def test_parts_of_killed_runs_are_cleared_away(song, tmp_path):
    folder = tmp_path / "out" / "song"
    folder.mkdir(parents=True)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    old, live, mine = (folder / f".vocals.wav.{pid}.part" for pid in (dead.pid, os.getppid(), "mine"))
    for part in (old, live, mine):
        part.touch()
    assert done(separate(song, "-o", tmp_path / "out")) == []
    assert sorted(path.name for path in folder.glob(".*.part")) == sorted([live.name, mine.name])
    old.touch()
    assert len(done(separate(song, "-o", tmp_path / "out"))) == 1  # skipped, and cleared nevertheless
    assert not old.exists()


# Formats, levels, tags.


@pytest.mark.parametrize("format", FORMATS)
def test_stems_in_every_format(song, music, tmp_path, format):
    out = tmp_path / "out"
    assert done(separate(song, "-o", out, "--format", format)) == []
    suffix = FORMATS[format].suffix
    assert files(out) == [f"song/accompaniment{suffix}", f"song/vocals{suffix}"]
    rate = FORMATS[format].rate_for(44100)
    vocals, accompaniment = (sound(out / "song" / f"{stem}{suffix}") for stem in PAIR)
    assert vocals.shape == accompaniment.shape == (round(0.5 * rate), 2)
    if format in ("wav", "wav16", "wav24", "flac"):
        step = {"wav": 1e-5, "wav16": 2**-15, "wav24": 1e-5, "flac": 1e-5}[format]
        np.testing.assert_allclose(vocals, music(0.5), atol=step)
        np.testing.assert_allclose(accompaniment, music(0.5) / 2, atol=step)
    elif rate == 44100:
        error = (vocals - music(0.5))[2000:-2000]
        assert 10 * np.log10((music(0.5) ** 2).mean() / (error**2).mean()) > 20  # dB
    ends = {"wav": "FLOAT", "wav16": "PCM_16", "wav24": "PCM_24", "flac": "PCM_24", "ogg": "VORBIS"}
    if format in ends:
        assert soundfile.info(out / "song" / f"vocals{suffix}").subtype == ends[format]


@pytest.mark.parametrize(("format", "rates"), [("mp3", (64, 256)), ("m4a", (64, 256)), ("opus", (32, 256))])
def test_a_bit_rate_makes_a_file_of_that_size(music, tmp_path, format, rates):
    path = tmp_path / "song.wav"
    noise = np.random.default_rng(0).normal(scale=0.1, size=(4 * 44100, 2))
    soundfile.write(path, noise, 44100)
    for rate in rates:
        out = tmp_path / str(rate)
        assert done(separate(path, "-o", out, "--format", format, "--bitrate", str(rate), "--stems", "vocals")) == []
        kbits = (out / "song" / f"vocals{FORMATS[format].suffix}").stat().st_size * 8 / 4 / 1000
        assert kbits == pytest.approx(rate, rel=0.2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--bitrate", "128"), "wav takes no bit rate. Received: 128 kbit/s"),
        (("--bitrate", "128", "--format", "flac"), "flac takes no bit rate. Received: 128 kbit/s"),
        (("--bitrate", "16", "--format", "mp3"), "expected 32 to 320 kbit/s as mp3. Received: 16"),
        (("--gain-vocals", "-6"), "--gain-vocals: expected --mix"),
        (("--gain-accompaniment", "0"), "--gain-accompaniment: expected --mix"),
    ],
)
def test_options_that_do_not_go_together(song, tmp_path, options, said):
    assert said in refused(separate(song, "-o", tmp_path / "out", *options))
    assert not (tmp_path / "out").exists()


def test_a_rate_that_the_format_cannot_hold_is_that_songs_line(music, tmp_path):
    """libvorbis would crash."""
    high, low = tmp_path / "high.wav", tmp_path / "low.wav"
    soundfile.write(high, music(0.2, 384000), 384000)
    soundfile.write(low, music(0.2), 44100)
    result = separate(high, low, "-o", tmp_path / "out", "--format", "ogg")
    line = refused(result)
    assert line.endswith("cannot write: expected at most 200000 Hz as ogg. Received: 384000")
    assert files(tmp_path / "out") == ["low/accompaniment.ogg", "low/vocals.ogg"]
    assert not (tmp_path / "out" / "high").exists()


@pytest.mark.parametrize(
    ("options", "gains"),
    [
        ((), (1.0, 1.0)),
        (("--gain-vocals", "-60"), (0.0, 1.0)),
        (("--gain-vocals", "-20", "--gain-accompaniment", "6"), (0.1, 10 ** (6 / 20))),
    ],
)
def test_a_mix_in_one_file(song, music, tmp_path, options, gains):
    out = tmp_path / "out"
    result = separate(song, "-o", out, "--mix", *options)
    assert done(result) == []
    assert result.stdout.splitlines() == [str(out / "song" / "mix.wav")]
    assert files(out) == ["song/mix.wav"]
    # The unit model's voice is the song, its accompaniment half of it.
    np.testing.assert_allclose(sound(out / "song" / "mix.wav"), (gains[0] + gains[1] / 2) * music(0.5), atol=2e-5)


def test_a_mix_without_voice_is_the_accompaniment(song, tmp_path):
    """To the last bit, of the shipped model; and other gains are another mix."""
    assert done(here("separate", song, "-o", tmp_path / "a", "--mix", "--gain-vocals", "-60")) == []
    assert done(here("separate", song, "-o", tmp_path / "b")) == []
    mix, accompaniment = sound(tmp_path / "a/song/mix.wav"), sound(tmp_path / "b/song/accompaniment.wav")
    np.testing.assert_array_equal(mix, accompaniment)
    assert np.abs(mix).max() > 0.1
    line = refused(here("separate", song, "-o", tmp_path / "a", "--mix", "--gain-vocals", "-6"))
    assert "mix.wav is there already, made with other gains; --overwrite" in line


@pytest.mark.parametrize("format", ["flac", "wav16", "wav24", "ogg", "wav"])
@pytest.mark.parametrize("mode", ["warn", "rescale", "clamp"])
def test_samples_beyond_full_scale(music, tmp_path, mode, format):
    loud = 4 * music(0.5)
    assert np.abs(loud / 2).max() > 1  # the accompaniment, too
    soundfile.write(tmp_path / "loud.wav", loud, 44100, subtype="FLOAT")
    lines = done(separate(tmp_path / "loud.wav", "-o", tmp_path / "out", "--format", format, "--clip-mode", mode))
    suffix, folder = FORMATS[format].suffix, tmp_path / "out" / "loud"
    vocals, accompaniment = (sound(folder / f"{stem}{suffix}") for stem in PAIR)
    tolerance = 0.3 if format == "ogg" else 2**-14
    if mode == "rescale" and format != "wav":  # one gain for both
        expected = loud / np.abs(loud).max(), loud / 2 / np.abs(loud).max()
    elif format == "wav":
        expected = loud, loud / 2
    else:
        expected = np.clip(loud, -1, 1), np.clip(loud / 2, -1, 1)
    np.testing.assert_allclose(vocals, expected[0], atol=tolerance)
    np.testing.assert_allclose(accompaniment, expected[1], atol=tolerance)
    if mode == "warn" and format != "wav":
        for line, stem, x in zip(lines, PAIR, (loud, loud / 2), strict=True):
            assert line.startswith(f"keras-sep: warning: {folder}/{stem}{suffix}: ")
            number = int(line.split(": ")[3].split()[0])
            assert number == pytest.approx(np.count_nonzero(np.abs(x) > 1), abs=3)  # the network rounds
            assert "rescale" in line
    else:
        assert lines == []
    assert not list(folder.glob(".*.part"))


@pytest.mark.parametrize("format", ["flac", "ogg", "mp3", "m4a", "opus", "wav"])
def test_tags_and_cover_go_along(music, tmp_path, format):
    path = tmp_path / "song.flac"
    tags = {"title": "Ünïcode", "artist": "Somebody", "album": "First", "track": "3", "date": "1999"}
    writer = AudioWriter(path, 44100, 2, "flac", tags=tags, cover=Cover(PNG, "image/png"))
    writer.open()
    writer.write(music(0.5))
    writer.finish()
    writer.commit()
    assert done(separate(path, "-o", tmp_path / "out", "--format", format)) == []
    for stem in PAIR:
        with AudioReader(tmp_path / "out" / "song" / f"{stem}{FORMATS[format].suffix}") as reader:
            assert {key: reader.tags.get(key) for key in tags} == tags
            if format != "wav":
                assert reader.cover == Cover(PNG, "image/png")


# Standard input and output.


def piped(*arguments: str | os.PathLike, data: bytes = b"", **options) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "keras_sep.cli", "separate", "--model", UNIT, *arguments]
    return subprocess.run(list(map(os.fspath, command)), input=data, capture_output=True, timeout=100, **options)


@pytest.mark.command
@pytest.mark.parametrize("format", FORMATS)
def test_from_standard_input_to_standard_output(song, music, tmp_path, format):
    result = piped("-", "-o", "-", "--stems", "accompaniment", "--format", format, data=song.read_bytes(), cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")
    assert files(tmp_path) == ["in/song.wav"]
    path = tmp_path / f"result{FORMATS[format].suffix}"
    path.write_bytes(result.stdout)
    with av.open(os.fspath(path)) as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
    assert frames
    assert done(separate(song, "-o", tmp_path / "out", "--format", format)) == []
    expected = sound(tmp_path / "out" / "song" / f"accompaniment{FORMATS[format].suffix}")
    with AudioReader(path) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks())), expected)


@pytest.mark.command
@pytest.mark.parametrize("suffix", ["m4a", "mka"])
def test_standard_output_is_as_long_as_the_song(music, tmp_path, suffix):
    """These containers round the length, and a header that has gone cannot be corrected."""
    path = tmp_path / f"song.{suffix}"
    with av.open(path, "w", format={"m4a": "mp4", "mka": "matroska"}[suffix]) as container:
        stream = container.add_stream({"m4a": "aac", "mka": "pcm_s16le"}[suffix], rate=44100, layout="stereo")
        samples = np.ascontiguousarray((music(30011 / 44100) * 32767).astype(np.int16).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with AudioReader(path) as reader:
        length = sum(len(block) for block in reader.blocks())
    result = piped(path, "-o", "-", "--stems", "vocals", data=b"")
    assert result.returncode == 0
    assert len(soundfile.read(io.BytesIO(result.stdout))[0]) == length


@pytest.mark.command
@pytest.mark.parametrize("format", ["flac", "mp3", "ogg", "m4a"])
def test_standard_input_of_any_format(song, music, tmp_path, format):
    source = tmp_path / f"song{FORMATS[format].suffix}"
    assert done(separate(song, "-o", tmp_path, "--name", "{name}", "--stems", "vocals", "--format", format)) == []
    result = piped("-", "-o", tmp_path / "piped", data=source.read_bytes())
    assert (result.returncode, result.stderr) == (0, b"")
    assert files(tmp_path / "piped") == ["stdin/accompaniment.wav", "stdin/vocals.wav"]
    assert done(separate(source, "-o", tmp_path / "plain")) == []
    plain, other = (sound(tmp_path / name / "vocals.wav") for name in ("plain/song", "piped/stdin"))
    np.testing.assert_array_equal(plain, other)


@pytest.mark.command
@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "standard input: expected audio"), (b"not music" * 999, "standard input: expected an audio")],
)
def test_standard_input_that_is_no_song(tmp_path, data, said):
    result = piped("-", "-o", tmp_path / "out", data=data)
    assert result.returncode == 1
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith(f"keras-sep: error: {said}")
    assert files(tmp_path) == []


@pytest.mark.command
def test_a_reader_of_standard_output_that_goes(song, tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"capture_output": False, "stdout": writer, "stderr": subprocess.PIPE}
    result = separate(song, "-o", "-", "--mix", run=process, **streams)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


def test_standard_input_and_output_are_alone(song, tmp_path):
    assert "-: expected standard input alone. Received: 2 inputs" in refused(separate("-", song, "-o", tmp_path))
    assert "-o -: expected one song, and one stem" in refused(separate(song, "-o", "-"))
    assert "--file: expected a file" in refused(here("live", "--file", "-"))


# From Python.


def test_separate_file_warns_and_takes_the_same_options(music, tmp_path):
    separator = Separator(model=UNIT)
    loud = tmp_path / "loud.wav"
    soundfile.write(loud, 4 * music(0.5), 44100, subtype="FLOAT")
    with pytest.warns(RuntimeWarning, match="samples beyond full scale are clipped"):
        written = separator.separate_file(loud, tmp_path / "out", stems=["vocals"], format="wav16")
    assert written == {"vocals": tmp_path / "out" / "vocals.wav"}
    separator.separate_file(loud, tmp_path / "mp3", format="mp3", bitrate=64, clip_mode="rescale")
    assert sorted(os.listdir(tmp_path / "mp3")) == ["accompaniment.mp3", "vocals.mp3"]
    shutil.copy(loud, tmp_path / "cut.wav")
    os.truncate(tmp_path / "cut.wav", loud.stat().st_size - 40000)
    with pytest.warns(RuntimeWarning, match=r"cut\.wav: the file is cut off"):
        separator.separate_file(tmp_path / "cut.wav", tmp_path / "out")
    with pytest.raises(AudioError, match=r"cut\.wav: the file is cut off"):
        separator.separate_file(tmp_path / "cut.wav", tmp_path / "strict", strict=True)
    assert not (tmp_path / "strict").exists()
