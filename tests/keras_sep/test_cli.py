"""`keras-sep` as a user runs it: its arguments, files and messages, and being stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep import ModelFileError, StreamingSeparator, __version__
from keras_sep.presets import DEFAULT_PRESET, presets
from tests.support.commands import WAYS, here, process
from tests.support.needs import needs_ffmpeg, needs_posix
from tests.support.paths import GOLDEN

UNIT = GOLDEN / "unit-mask-float32.tflite"
STEMS = ["accompaniment.wav", "vocals.wav"]


def separate(*arguments: str | os.PathLike, run=here, **options) -> subprocess.CompletedProcess[str]:
    return run("separate", "--model", UNIT, *arguments, **options)


def complaint(result: subprocess.CompletedProcess[str], status: int = 1) -> str:
    """The one line that a failure says."""
    assert result.returncode == status, result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("keras-sep: error: ")
    assert result.stdout == ""
    return lines[0]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.fixture
def song(music, tmp_path) -> Path:
    """An input in a folder of its own, so that the test can look at the other one."""
    path = tmp_path / "in" / "song.wav"
    path.parent.mkdir()
    soundfile.write(path, music(0.5), 44100, subtype="FLOAT")
    return path


# What works.


@pytest.mark.parametrize("run", WAYS)
def test_separate_writes_the_stems_and_says_where(song, music, tmp_path, run):
    out = tmp_path / "out"
    result = separate(song, "-o", out, run=run)
    assert result.returncode == 0
    assert result.stdout.splitlines() == [str(out / "song" / name) for name in ("vocals.wav", "accompaniment.wav")]
    assert result.stderr == ""  # neither a progress bar in a pipe, nor what LiteRT has to say
    assert names(out) == ["song", *(f"song/{name}" for name in STEMS)]
    vocals = soundfile.read(out / "song" / "vocals.wav", dtype="float32")[0]
    np.testing.assert_allclose(vocals, music(0.5), atol=1e-5)


def test_the_shipped_model_is_the_default(song, tmp_path):
    assert here("separate", song, "-o", tmp_path / "a", "--quiet").stdout == ""
    assert here("separate", song, "-o", tmp_path / "b", "--preset", DEFAULT_PRESET).returncode == 0
    assert separate(song, "-o", tmp_path / "unit").returncode == 0
    a, b, unit = (soundfile.read(tmp_path / out / "song" / "vocals.wav")[0] for out in ("a", "b", "unit"))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - unit).max() > 1e-2


def test_options_choose_stems_format_and_excerpt(song, tmp_path):
    out = tmp_path / "out"
    options = ("--stems", "vocals", "--format", "flac", "--start", "0.1", "--duration", "0.2")
    assert separate(song, "-o", out, *options).returncode == 0
    assert names(out) == ["song", "song/vocals.flac"]
    assert soundfile.info(out / "song" / "vocals.flac").frames == 8820


def test_stems_that_are_there_stay_unless_overwritten(song, tmp_path):
    vocals = tmp_path / "out" / "song" / "vocals.wav"
    vocals.parent.mkdir(parents=True)
    vocals.write_text("mine")
    result = separate(song, "-o", tmp_path / "out")
    assert result.stdout.splitlines() == [str(vocals.with_name("accompaniment.wav"))]
    assert vocals.read_text() == "mine"
    result = separate(song, "-o", tmp_path / "out")
    assert (result.returncode, result.stdout) == (0, "")
    assert "skipped" in result.stderr
    assert "--overwrite" in result.stderr
    assert separate(song, "-o", tmp_path / "out", "--overwrite").returncode == 0
    assert soundfile.info(vocals).frames == soundfile.info(song).frames


@pytest.mark.parametrize("jobs", ["1", "2", "7"])
def test_many_songs_one_of_them_bad(music, tmp_path, jobs):
    out = tmp_path / "out"
    songs = [tmp_path / f"{i}.wav" for i in range(4)]
    for i, path in enumerate(songs):
        soundfile.write(path, (i + 1) / 5 * music(0.5), 44100, subtype="FLOAT")
    songs[1].write_text("no music")
    result = separate(*songs, "-o", out, "--jobs", jobs)
    assert result.returncode == 1
    assert len(result.stdout.splitlines()) == 6
    assert len(result.stderr.splitlines()) == 1
    assert f"keras-sep: error: {songs[1]}: " in result.stderr
    assert names(out) == sorted(["0", "2", "3", *(f"{i}/{name}" for i in (0, 2, 3) for name in STEMS)])
    for i in (0, 2, 3):  # each got its own
        vocals = soundfile.read(out / str(i) / "vocals.wav", dtype="float32")[0]
        np.testing.assert_allclose(vocals, (i + 1) / 5 * music(0.5), atol=1e-5)


FILE_NAMES = [
    "with spaces.wav",
    "Ünïcødé 日本語.wav",
    "UPPER.WAV",
    "two.dots.wav",
    "no suffix",
    "-dash.wav",
    "%d [x] *?.wav",
]


def test_all_sorts_of_names(song, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILE_NAMES:
        shutil.copy(song, tmp_path / name)
    (tmp_path / "link.wav").symlink_to(song)
    result = separate("-o", "out", "--", *FILE_NAMES, "link.wav")
    assert result.returncode == 0, result.stderr
    for name in (*FILE_NAMES, "link.wav"):
        assert names(tmp_path / "out" / Path(name).stem) == STEMS


@needs_posix
@pytest.mark.command
def test_names_that_are_not_text(song, tmp_path):
    name = os.fsdecode(b"caf\xe9.wav")  # Latin-1 on a UTF-8 system
    try:
        shutil.copy(song, tmp_path / name)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    result = separate(tmp_path / name, "-o", tmp_path / "out", run=process, env=environment)
    assert result.returncode == 0, result.stderr
    assert names(tmp_path / "out" / name.removesuffix(".wav")) == STEMS


def test_out_may_be_the_inputs_folder(song):
    content = song.read_bytes()
    assert separate(song, "-o", song.parent).returncode == 0
    assert names(song.parent) == sorted(["song", "song.wav", *(f"song/{name}" for name in STEMS)])
    assert song.read_bytes() == content


@needs_posix
@pytest.mark.command
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_closed_standard_streams(song, tmp_path, closed):
    """As cron or a service may start it: an output file must not get the number of standard error."""
    out = tmp_path / "out"
    close = lambda: [os.close(number) for number in closed]  # noqa: E731
    options = {"capture_output": False, "stdout": subprocess.DEVNULL, "preexec_fn": close}
    separate(song, "-o", out, run=process, **options)
    assert names(out / "song") == STEMS
    assert {soundfile.info(path).frames for path in (out / "song").iterdir()} == {22050}


def test_version_presets_and_help():
    assert here("--version").stdout == f"keras-sep {__version__}\n"
    text = here("presets").stdout
    listed = json.loads(here("presets", "--json").stdout)
    for name, preset in listed.items():
        assert name in text
        assert preset["licence"] in text
        assert preset["spec"]["sample_rate"] == 44100
        assert all(len(file["sha256"]) == 64 for file in preset["files"])
    text = " ".join(here("separate", "--help").stdout.split())
    for said in ("seconds to leave out", "seconds to separate", "32-bit float", "default: 1", "--overwrite"):
        assert said in text


# What does not.


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "COMMAND"),
        (("remix",), "remix"),
        (("separate", "a.wav"), "-o/--out"),
        (("separate", "-o", "out"), "INPUT"),
        (("separate", "a.wav", "-o", "out", "--loud"), "--loud"),
        (("separate", "a.wav", "-o", "out", "--over"), "--over"),  # no abbreviations
        (("separate", "a.wav", "-o", "out", "--format", "mp3"), "'mp3'"),
        (("separate", "a.wav", "-o", "out", "--jobs", "0"), "at least 1. Received: '0'"),
        (("separate", "a.wav", "-o", "out", "--start", "-1"), "seconds, 0 or more. Received: '-1'"),
        (("separate", "a.wav", "-o", "out", "--start", "nan"), "seconds, 0 or more. Received: 'nan'"),
        (("separate", "a.wav", "-o", "out", "--duration", "0"), "more than 0. Received: '0'"),
        (("separate", "a.wav", "-o", "out", "--stems", ","), "separated by commas"),
        (("separate", "a.wav", "-o", "out", "--preset", DEFAULT_PRESET, "--model", "b"), "not allowed with"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert said in complaint(here(*arguments), status=2)
    assert names(tmp_path) == []


@pytest.mark.command
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("--version",), 0),
        (("presets",), 0),
        (("remix",), 2),
        (("separate", "a.wav", "-o", "out", "--preset", "or-net"), 1),
        (("separate", "a.wav", "b.wav", "-o", "out", "--model", UNIT), 1),
    ],
)
def test_a_process_ends_as_its_main_does(tmp_path, monkeypatch, arguments, status):
    monkeypatch.chdir(tmp_path)
    expected, result = here(*arguments), process(*arguments)
    assert result.returncode == expected.returncode == status
    assert (result.stdout, result.stderr) == (expected.stdout, expected.stderr)
    assert result.stdout + result.stderr
    assert names(tmp_path) == []


def test_unknown_preset_stem_and_clashing_names(song, tmp_path):
    out = tmp_path / "out"
    line = complaint(here("separate", song, "-o", out, "--preset", "or-net"))
    assert f"unknown preset 'or-net': expected one of {', '.join(sorted(presets()))}" in line
    line = complaint(separate(song, "-o", out, "--stems", "vocals,drums"))
    assert "expected some of vocals, accompaniment. Received: 'drums'" in line
    line = complaint(separate(song, song.with_suffix(".flac"), "-o", out))
    assert "song.wav" in line
    assert "song.flac would both be written to" in line
    assert not out.exists()


BAD_INPUTS = {
    "missing.wav": "No such file or directory",
    "folder.wav": "expected a file. Received: a folder",
    "empty.wav": "Received: an empty file",
    "text.wav": "cannot read",
    "text-mp3.mp3": "cannot read",
    "headerless.raw": "cannot read",
    "line\nbreak.wav": "cannot read",
    "x" * 300 + ".wav": "File name too long",
    "cut-wav.wav": "cut off: expected 176400 bytes of audio. Received: ",
    "cut-aiff.aiff": "cut off",
    "cut-au.au": "cut off",
    "cut-w64.w64": "cut off",
    "cut-rf64.rf64": "cut off",
    "cut-flac.flac": "damaged after 0.",
    "cut-mp3.mp3": "cut off: expected 44100 samples. Received: ",
    "cut-ogg.ogg": "cut off",
    "damaged-flac.flac": "damaged after 0.",
    "damaged-mp3.mp3": "the file is damaged after 0.",  # libmpg123 has more to say, which is not for the user
    "nan.wav": "expected finite samples. Received: NaN, infinity or more than 1e+12 at 0.750 s",
    "infinity.wav": "at 0.750 s",
    "no-samples.wav": "expected at least 2048 samples (one frame, 46.4 ms). Received: 0",
    "one-sample.wav": "expected at least 2048 samples (one frame, 46.4 ms). Received: 1",
    "short.wav": "expected at least 2048 samples (one frame, 46.4 ms). Received: 2047",
    "slow.wav": "expected a sample rate from 1000 to 768000 Hz. Received: 100",
}
BAD_FFMPEG_INPUTS = {
    "cut-faststart.m4a": "the file is damaged after 0.",  # the index is there, not all of the music
    "cut-index.m4a": "cannot read",  # the index at the end is not
    "cut-webm.webm": "the file is damaged after 0.",
    "silent-film.mp4": "cannot read",
}


def make_bad_inputs(folder: Path, x: np.ndarray) -> None:
    for name in ("empty.wav", "text.wav", "text-mp3.mp3", "headerless.raw", "line\nbreak.wav"):
        (folder / name).write_text("" if name.startswith("empty") else "This is not music.\n" * 999)
    (folder / "folder.wav").mkdir()
    for kind in ("wav", "aiff", "au", "w64", "rf64", "flac", "mp3", "ogg"):
        path = folder / f"cut-{kind}.{kind}"
        soundfile.write(path, x, 44100, format=kind.upper())
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 7 // 10])
        middle = len(content) // 2
        (folder / f"damaged-{kind}.{kind}").write_bytes(content[:middle] + bytes(range(256)) * 12 + content[middle:])
    for name, value in (("nan.wav", np.nan), ("infinity.wav", -np.inf)):
        bad = x.copy()
        bad[33075:, 1] = value
        soundfile.write(folder / name, bad, 44100, subtype="FLOAT")
    for name, samples in (("no-samples.wav", 0), ("one-sample.wav", 1), ("short.wav", 2047)):
        soundfile.write(folder / name, x[:samples], 44100)
    soundfile.write(folder / "slow.wav", x, 100)


def make_bad_ffmpeg_inputs(folder: Path, x: np.ndarray) -> None:
    soundfile.write(folder / "in.wav", x, 44100)
    for name, options in (
        ("cut-faststart.m4a", ["-movflags", "+faststart"]),
        ("cut-index.m4a", []),
        ("cut-webm.webm", []),
    ):
        path = folder / name
        subprocess.run(["ffmpeg", "-v", "error", "-i", folder / "in.wav", *options, path], check=True)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 7 // 10])
    film = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "color=s=64x64:r=5:d=1", folder / "silent-film.mp4"]
    subprocess.run(film, check=True)


def lines_about(bad_inputs: dict[str, str], folder: Path, run=here) -> dict[str, str]:
    """Runs the command on all of them at once; what it said about each."""
    result = separate(*(folder / name for name in bad_inputs), "-o", folder / "out", run=run)
    assert result.returncode == 1
    assert result.stdout == ""
    assert not (folder / "out").exists()  # no folder, no half-written file
    lines = result.stderr.splitlines()
    assert len(lines) == len(bad_inputs), result.stderr
    return dict(zip(bad_inputs, lines, strict=True))


@pytest.fixture(scope="module")
def bad(music, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    make_bad_inputs(folder, music(1.0))
    return folder


@pytest.fixture(scope="module")
def bad_of_ffmpeg(music, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    make_bad_ffmpeg_inputs(folder, music(1.0))
    return folder


@pytest.fixture(scope="module")
def said(bad) -> dict[str, str]:
    return lines_about(BAD_INPUTS, bad)


@pytest.fixture(scope="module")
def said_with_ffmpeg(bad_of_ffmpeg) -> dict[str, str]:
    return lines_about(BAD_FFMPEG_INPUTS, bad_of_ffmpeg)


@pytest.mark.parametrize("name", BAD_INPUTS, ids=[name.replace("\n", " ")[:30] for name in BAD_INPUTS])
def test_a_bad_input_gets_one_line(said, name):
    assert said[name].startswith("keras-sep: error: ")
    assert name.replace("\n", " ") + ": " in said[name]
    assert BAD_INPUTS[name] in said[name]


@needs_ffmpeg
@pytest.mark.parametrize("name", BAD_FFMPEG_INPUTS)
def test_a_bad_input_of_ffmpegs_gets_one_line(said_with_ffmpeg, name):
    assert said_with_ffmpeg[name].startswith("keras-sep: error: ")
    assert name + ": " in said_with_ffmpeg[name]
    assert BAD_FFMPEG_INPUTS[name] in said_with_ffmpeg[name]


@pytest.mark.command
def test_the_libraries_add_nothing_of_their_own(bad, said):
    """libmpg123, for one, has more to say of a damaged file; it would say it past our streams."""
    assert lines_about(BAD_INPUTS, bad, process) == said


@needs_ffmpeg
@pytest.mark.command
def test_ffmpeg_adds_nothing_of_its_own(bad_of_ffmpeg, said_with_ffmpeg):
    assert lines_about(BAD_FFMPEG_INPUTS, bad_of_ffmpeg, process) == said_with_ffmpeg


def test_start_beyond_the_end(song, tmp_path):
    line = complaint(separate(song, "-o", tmp_path / "out", "--start", "0.5"))
    assert f"{song}: expected a part of its 0.500 s that holds samples. Received: start 0.5 s" in line
    line = complaint(separate(song, "-o", tmp_path / "out", "--start", "0.49"))
    assert "expected at least 2048 samples (one frame, 46.4 ms). Received: 441" in line
    assert not (tmp_path / "out").exists()


@needs_ffmpeg
def test_without_ffmpeg(song, tmp_path, monkeypatch):
    subprocess.run(["ffmpeg", "-v", "error", "-i", song, tmp_path / "a.m4a"], check=True)
    monkeypatch.setenv("PATH", "")
    line = complaint(separate(tmp_path / "a.m4a", "-o", tmp_path / "out"))
    assert "a.m4a: libsndfile cannot read it, and ffmpeg, which reads m4a, mp4, webm and more, is not installed" in line


def test_an_output_folder_that_is_a_file(song, tmp_path):
    (tmp_path / "out").write_text("a file")
    line = complaint(separate(song, "-o", tmp_path / "out"))
    assert f"{tmp_path / 'out' / 'song'}: cannot make the folder: Not a directory" in line
    assert (tmp_path / "out").read_text() == "a file"


def test_the_input_is_not_an_output(tmp_path, song):
    own = tmp_path / "vocals" / "vocals.wav"
    own.parent.mkdir()
    shutil.copy(song, own)
    content = own.read_bytes()
    line = complaint(separate(own, "-o", tmp_path, "--overwrite"))
    assert f"{own}: cannot write: it is the input" in line
    assert own.read_bytes() == content
    assert names(own.parent) == ["vocals.wav"]


@needs_posix
@pytest.mark.command
@pytest.mark.parametrize("format", ["wav", "flac", "ogg"])
def test_a_file_that_may_not_grow(music, tmp_path, format):
    """As on a full disk: libsndfile says little then, and soundfile asserts."""
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    soundfile.write(tmp_path / "in.wav", music(4.0), 44100)
    arguments = (tmp_path / "in.wav", "-o", tmp_path / "out", "--format", format, "--overwrite")
    line = complaint(separate(*arguments, run=process, preexec_fn=limit))
    assert f"{tmp_path / 'out' / 'in' / 'vocals'}.{format}: cannot write: is the disk full?" in line
    assert names(tmp_path) == ["in.wav"]


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of 1 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_full_disk(music, tmp_path, small_disk, format, run):
    soundfile.write(tmp_path / "in.wav", music(8.0), 44100)
    old = small_disk / "in" / f"vocals.{format}"
    old.parent.mkdir()
    old.write_text("the old one")
    line = complaint(separate(tmp_path / "in.wav", "-o", small_disk, "--format", format, "--overwrite", run=run))
    assert "cannot write: is the disk full?" in line
    assert names(small_disk) == ["in", f"in/vocals.{format}"]
    assert old.read_text() == "the old one"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.command
def test_standard_output_that_cannot_be_written(song, tmp_path):
    with open("/dev/full", "w") as full:
        result = process("presets", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (1, "keras-sep: error: cannot print: No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    streams = {"capture_output": False, "stdout": writer, "stderr": subprocess.PIPE}
    result = separate(song, "-o", tmp_path / "out", run=process, **streams)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")  # as `| head` wants it
    assert names(tmp_path / "out" / "song") == STEMS


def test_damaged_models_are_refused(tmp_path):
    content, path = UNIT.read_bytes(), tmp_path / "damaged.tflite"
    rng = np.random.default_rng(0)
    variants = [content[:size] for size in (0, 3, 8, 100, len(content) // 2, len(content) - 1)]
    for position in rng.integers(0, len(content), 50):
        flipped = bytearray(content)
        flipped[position] ^= 1 << rng.integers(8)
        variants.append(bytes(flipped))
    for variant in variants:
        path.write_bytes(variant)
        with pytest.raises(ModelFileError, match=r"damaged\.tflite: [^\n]+$"):
            StreamingSeparator(model=path)
    path.write_bytes(content)
    StreamingSeparator(model=path)  # so it was the damage


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("kind", ["missing", "folder", "text", "cut", "foreign"])
def test_a_bad_model_gets_one_line(song, tmp_path, kind, run):
    path = tmp_path / "model.tflite"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("not a model")
    elif kind == "cut":
        path.write_bytes(UNIT.read_bytes()[:-100])
    elif kind == "foreign":
        path.write_bytes(UNIT.read_bytes().replace(b"keras_sep", b"other_one"))  # the name of our metadata
    line = complaint(run("separate", song, "-o", tmp_path / "out", "--model", path))
    assert f"{path}: " in line
    assert not (tmp_path / "out").exists()


# Being stopped.


@pytest.fixture
def interruptible():
    """A job in the background ignores SIGINT, and its children inherit that: not here."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


ANOTHER_THREAD = """
import signal, sys, threading
from keras_sep.cli import main
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # in this thread and those to come: the one above hears it
sys.exit(main(sys.argv[1:]))
"""


@needs_posix
@pytest.mark.command
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_is_heard_whichever_thread_gets_it(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(20 * 60 * 44100, np.int16), 44100)
    out = tmp_path / "out"
    command = [sys.executable, "-c", ANOTHER_THREAD, "separate", tmp_path / "long.wav", "-o", out, "--model", UNIT]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not any(out.rglob("*.part")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        stderr = process.stderr.read()
    assert (process.returncode, stderr) == (130, "keras-sep: interrupted\n")
    assert not out.exists()


@needs_posix
@pytest.mark.command
@pytest.mark.parametrize(
    ("kind", "stop"),
    [("wav", signal.SIGINT), ("wav", signal.SIGTERM), pytest.param("mkv", signal.SIGINT, marks=needs_ffmpeg)],
)
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_leaves_nothing(tmp_path, kind, stop):
    path, out = tmp_path / f"long.{kind}", tmp_path / "out"
    soundfile.write(tmp_path / "long.wav", np.zeros(20 * 60 * 44100, np.int16), 44100)
    if kind == "mkv":
        subprocess.run(["ffmpeg", "-v", "error", "-i", tmp_path / "long.wav", "-c:a", "flac", path], check=True)
    command = [sys.executable, "-m", "keras_sep.cli", "separate", path, "-o", out, "--model", UNIT]
    # As a terminal does it: to the whole process group.
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        deadline = time.monotonic() + 60
        while not any(out.rglob("*.part")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, stop)
        stderr = process.stderr.read()
    assert (process.returncode, stderr) == (130, "keras-sep: interrupted\n")
    assert not out.exists()
