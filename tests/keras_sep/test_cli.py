"""`keras-sep` as a user runs it: its arguments, files and messages, and being stopped."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep import ModelFileError, StreamingSeparator, __version__, cli
from keras_sep.audio import CLIP_MODES, FORMATS
from keras_sep.batch.records import RECORD
from keras_sep.presets import DEFAULT_PRESET, presets
from tests.support.commands import WAYS, here, process
from tests.support.needs import needs_posix
from tests.support.paths import GOLDEN, ROOT
from tests.support.small_disk import small_disk

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
    """All files and folders below a folder, but for the records of what stems were made of."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != RECORD)


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


@pytest.mark.parametrize(
    ("start", "duration"), [("0.1", "0.2"), ("0:00.1", "0:00.2"), ("0:0:.1", ".2"), ("00:00:00.10", "000:00.2000")]
)
def test_options_choose_stems_format_and_excerpt(song, music, tmp_path, start, duration):
    out = tmp_path / "out"
    options = ("--stems", "vocals", "--format", "flac", "--start", start, "--duration", duration)
    assert separate(song, "-o", out, *options).returncode == 0
    assert names(out) == ["song", "song/vocals.flac"]
    vocals = soundfile.read(out / "song" / "vocals.flac")[0]
    np.testing.assert_allclose(vocals, music(0.5)[4410 : 4410 + 8820], atol=1e-5)


def test_minutes_and_hours(tmp_path, music):
    """A minute away from the beginning, which nothing but the right time finds."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.concatenate([np.zeros((8000 * 65, 1)), music(1.0, 8000, 1)]), 8000)
    for number, start in enumerate(("0:01:05", "1:05", "65")):
        out = tmp_path / str(number)
        assert separate(path, "-o", out, "--start", start, "--stems", "vocals").returncode == 0
        vocals = soundfile.read(out / "long" / "vocals.wav")[0]
        assert vocals.shape == (8000,)
        np.testing.assert_allclose(vocals[400:-400], music(1.0, 8000, 1)[400:-400, 0], atol=2e-3)
    line = complaint(separate(path, "-o", tmp_path / "out", "--start", "2:03:04.5"))
    assert "expected a part of its 66.000 s that holds samples. Received: start 7384.5 s" in line


@pytest.mark.parametrize("jobs", [("--jobs", "1"), ("--jobs", "2"), ()], ids=["1", "2", "all cores"])
def test_many_songs_one_of_them_bad(music, tmp_path, jobs):
    out = tmp_path / "out"
    songs = [tmp_path / f"{i}.wav" for i in range(4)]
    for i, path in enumerate(songs):
        soundfile.write(path, (i + 1) / 5 * music(0.5), 44100, subtype="FLOAT")
    songs[1].write_text("no music")
    result = separate(*songs, "-o", out, *jobs)
    assert result.returncode == 1
    expected = [out / str(i) / f"{stem}.wav" for i in (0, 2, 3) for stem in ("vocals", "accompaniment")]
    assert result.stdout.splitlines() == list(map(str, expected))  # in the order of the inputs
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
    assert {soundfile.info(out / "song" / name).frames for name in STEMS} == {22050}


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
    for said in ("seconds, m:s or h:m:s", "32-bit float", "-60 (silence) to 20 dB", "mp3 32 to 320", "--overwrite"):
        assert said in text


def test_the_help_knows_the_formats():
    text = here("separate", "--help").stdout
    assert f"--format {{{','.join(FORMATS)}}}" in text
    assert f"--clip-mode {{{','.join(CLIP_MODES)}}}" in text
    for format in FORMATS.values():
        if format.bitrates:
            low, high = format.bitrates
            assert re.search(rf"{format.name} {low} to {high} \((default: )?{format.bitrate}\)", " ".join(text.split()))


@pytest.mark.parametrize("page", ["README.md", "docs/guide/separate.md"])
def test_the_commands_of_the_documents_are_right_usage(page):
    lines = re.findall(r"^    (?:\S*/)?keras-sep (.*)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) >= 4
    for line in lines:
        cli._parser().parse_args(shlex.split(line, comments=True))


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
        (("separate", "a.wav", "-o", "out", "--format", "au"), "'au'"),
        (("separate", "a.wav", "-o", "out", "--jobs", "0"), "1 to 1000. Received: '0'"),
        (("separate", "a.wav", "-o", "out", "--jobs", "²"), "1 to 1000. Received: '²'"),
        (("separate", "a.wav", "-o", "out", "--jobs", "9" * 5000), "1 to 1000. Received: '999"),
        (("separate", "a.wav", "-o", "out", "--bitrate", "128k"), "number of kbit/s, 1 to 10000. Received: '128k'"),
        (("separate", "a.wav", "-o", "out", "--duration", "0"), "more than 0 seconds. Received: '0'"),
        (("separate", "a.wav", "-o", "out", "--duration", "0:0"), "more than 0 seconds. Received: '0:0'"),
        (("separate", "a.wav", "-o", "out", "--gain-vocals", "21"), "at most 20"),
        (("separate", "a.wav", "-o", "out", "--clip-mode", "loud"), "'loud'"),
        (("separate", "a.wav", "-o", "out", "--mix", "--stems", "vocals"), "not allowed with"),
        (("separate", "a.wav", "-o", "out", "--name", "{song}/{stem}"), "with {song}"),
        (("separate", "a.wav", "-o", "out", "--name", "../{stem}"), "expected a name below the output folder"),
        (("separate", "a.wav", "-o", "out", "--stems", ","), "separated by commas"),
        (("separate", "a.wav", "-o", "out", "--preset", DEFAULT_PRESET, "--model", "b"), "not allowed with"),
    ],
)
def test_wrong_usage(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert said in complaint(here(*arguments), status=2)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "time",
    [
        "-1",
        "nan",
        "inf",
        "1e305",
        "1e3",
        "9" * 400,
        "1000000001",
        "1:60",
        "1:2:60",
        "1:60:00",
        "1:2:3:4",
        ":5",
        "1:",
        "",
    ],
)
@pytest.mark.parametrize("option", ["--start", "--duration"])
def test_times_that_are_none(tmp_path, monkeypatch, option, time):
    monkeypatch.chdir(tmp_path)
    said = complaint(here("separate", "a.wav", "-o", "out", f"{option}={time}"), status=2)
    assert f"expected seconds, m:s or h:m:s, up to 1e+09 seconds. Received: {time!r}" in said
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
    "missing.wav": "cannot read: No such file or directory",
    "empty.wav": "Received: an empty file",
    "text.wav": "cannot be read",
    "text-mp3.mp3": "cannot be read",
    "guessed.vox": "cannot be read",
    "headerless.raw": "cannot be read",
    "line\nbreak.wav": "cannot be read",
    "x" * 300 + ".wav": "File name too long",
    "nan.wav": "expected finite samples. Received: NaN, infinity or more than 1e+12 at 0.750 s",
    "infinity.wav": "at 0.750 s",
    "one-sample.wav": "expected at least 2048 samples (one frame, 46.4 ms). Received: 1",
    "short.wav": "expected at least 2048 samples (one frame, 46.4 ms). Received: 2047",
    "slow.wav": "expected a sample rate from 1000 to 768000 Hz. Received: 100",
    "folder.wav": "expected songs in this folder. Received: none (--dry-run says what else is there)",
}


def make_bad_inputs(folder: Path, x: np.ndarray) -> None:
    for name in ("empty.wav", "text.wav", "text-mp3.mp3", "guessed.vox", "headerless.raw", "line\nbreak.wav"):
        (folder / name).write_text("" if name.startswith("empty") else "This is not music.\n" * 999)
    (folder / "folder.wav").mkdir()
    for name, value in (("nan.wav", np.nan), ("infinity.wav", -np.inf)):
        bad = x.copy()
        bad[33075:, 1] = value
        soundfile.write(folder / name, bad, 44100, subtype="FLOAT")
    for name, samples in (("one-sample.wav", 1), ("short.wav", 2047)):
        soundfile.write(folder / name, x[:samples], 44100)
    soundfile.write(folder / "slow.wav", x, 100)


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
def said(bad) -> dict[str, str]:
    return lines_about(BAD_INPUTS, bad)


@pytest.mark.parametrize("name", BAD_INPUTS, ids=[name.replace("\n", " ")[:30] for name in BAD_INPUTS])
def test_a_bad_input_gets_one_line(said, name):
    assert said[name].startswith("keras-sep: error: ")
    assert name.replace("\n", " ") + ": " in said[name]
    assert BAD_INPUTS[name] in said[name]


@pytest.mark.command
def test_the_libraries_add_nothing_of_their_own(bad, said):
    """FFmpeg, for one, has more to say of a damaged file; it would say it past our streams."""
    assert lines_about(BAD_INPUTS, bad, process) == said


@pytest.mark.parametrize("format", ["wav", "aiff", "flac", "mp3"])
def test_of_a_damaged_file_what_is_there_is_separated(music, tmp_path, format):
    path, out = tmp_path / f"cut.{format}", tmp_path / "out"
    soundfile.write(path, music(1.0), 44100, format=format.upper())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 7 // 10])
    result = separate(path, "-o", out)
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    missing = re.fullmatch(
        rf"keras-sep: warning: {re.escape(str(path))}: the file is .*; (\S+) s of 1.000 s are missing", line
    )
    assert missing, line
    vocals, accompaniment = (soundfile.read(out / "cut" / f"{stem}.wav")[0] for stem in ("vocals", "accompaniment"))
    assert len(vocals) == len(accompaniment)
    assert len(vocals) == pytest.approx(44100 * (1 - float(missing[1])), abs=44.1 / 2)  # stated in milliseconds
    difference = np.abs(vocals - music(1.0)[: len(vocals)])[1000:-1000]  # an mp3's first and last frames are coarse
    assert difference.max() < (2e-2 if format == "mp3" else 2e-4)

    line = complaint(separate(path, "-o", tmp_path / "strict", "--strict"))
    assert f"{path}: the file is " in line
    assert "missing" in line
    assert not (tmp_path / "strict").exists()


def test_start_beyond_the_end(song, tmp_path):
    line = complaint(separate(song, "-o", tmp_path / "out", "--start", "0.5"))
    assert f"{song}: expected a part of its 0.500 s that holds samples. Received: start 0.5 s" in line
    line = complaint(separate(song, "-o", tmp_path / "out", "--start", "0.49"))
    assert "expected at least 2048 samples (one frame, 46.4 ms). Received: 441" in line
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_is_a_file(song, tmp_path):
    (tmp_path / "out").write_text("a file")
    line = complaint(separate(song, "-o", tmp_path / "out"))
    assert f"{tmp_path / 'out' / 'song'}: cannot make the folder: {tmp_path / 'out'} is a file" in line
    assert (tmp_path / "out").read_text() == "a file"


@pytest.mark.parametrize("below", ["", "deep/er"])
def test_an_output_folder_behind_a_link_to_nothing(song, tmp_path, below):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    line = complaint(separate(song, "-o", tmp_path / "link" / below))
    assert f"cannot make the folder: {tmp_path / 'link'} is a link to {tmp_path / 'gone'}, which is not there" in line
    assert names(tmp_path) == ["in", "in/song.wav", "link"]


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
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_may_not_grow(music, tmp_path, format):
    """As on a full disk."""
    import resource

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

    soundfile.write(tmp_path / "in.wav", music(4.0), 44100)
    arguments = (tmp_path / "in.wav", "-o", tmp_path / "out", "--format", format, "--overwrite")
    line = complaint(separate(*arguments, run=process, preexec_fn=limit))
    assert re.search(
        rf"{re.escape(str(tmp_path / 'out' / 'in'))}/\w+{FORMATS[format].suffix}: cannot write: File too large", line
    )
    assert names(tmp_path) == ["in.wav"]


@pytest.mark.parametrize("run", WAYS)
@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_full_disk(music, tmp_path, format, run):
    soundfile.write(tmp_path / "in.wav", music(8.0), 44100)
    with small_disk(tmp_path / "disk", 1) as disk:
        old = disk / "in" / f"vocals.{format}"
        old.parent.mkdir()
        old.write_text("the old one")
        line = complaint(separate(tmp_path / "in.wav", "-o", disk, "--format", format, "--overwrite", run=run))
        assert "cannot write: No space left on device" in line
        assert names(disk) == ["in", f"in/vocals.{format}"]
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


def begin(out: Path, number: int, *command: str | os.PathLike) -> subprocess.Popen[str]:
    """Starts a command in a process group of its own; returns when `number` stems are being written."""
    process = subprocess.Popen(
        list(map(os.fspath, command)), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while len(list(out.rglob("*.part"))) < number:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def parts_gone(out: Path, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while any(out.rglob("*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not any(out.rglob("*.part"))


KEYWORDS = {"SIGINT": "Ctrl-C", "SIGTERM": "kill", "SIGHUP": "a closed terminal"}
SEPARATE = (sys.executable, "-m", "keras_sep.cli", "separate", "--model", UNIT)


@needs_posix
@pytest.mark.command
@pytest.mark.parametrize("songs", [1, 3])
@pytest.mark.parametrize("stop", KEYWORDS, ids=KEYWORDS.get)
@pytest.mark.usefixtures("interruptible")
def test_an_end_in_between_leaves_nothing(tmp_path, songs, stop):
    """As a terminal does it: to the whole process group. More of the kind while it ends change nothing."""
    paths, out = [tmp_path / f"{number}.wav" for number in range(songs)], tmp_path / "out"
    for path in paths:
        soundfile.write(path, np.zeros(20 * 60 * 44100, np.int16), 44100)
    with begin(out, 2 * min(songs, 2), *SEPARATE, *paths, "-o", out, "--jobs", "2") as process:
        for _ in range(3):
            os.killpg(process.pid, getattr(signal, stop))
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (130, "", "keras-sep: interrupted\n")
    assert not out.exists()


@needs_posix
@pytest.mark.command
def test_a_kill_leaves_nothing_that_the_next_run_does_not_clear(tmp_path, music):
    path, out = tmp_path / "song.wav", tmp_path / "out"
    soundfile.write(path, np.tile(music(1.0), (600, 1)), 44100)
    with begin(out, 2, *SEPARATE, path, "-o", out) as process:
        process.kill()
        process.communicate()
    assert any(out.rglob("*.part"))
    result = separate(path, "-o", out, "--duration", "1")
    assert (result.returncode, result.stderr) == (0, "")
    assert names(out) == ["song", *(f"song/{name}" for name in STEMS)]


@needs_posix
@pytest.mark.command
def test_a_kill_of_several_songs_ends_their_processes(tmp_path):
    paths, out = [tmp_path / f"{number}.wav" for number in range(2)], tmp_path / "out"
    for path in paths:
        soundfile.write(path, np.zeros(20 * 60 * 44100, np.int16), 44100)
    with begin(out, 4, *SEPARATE, *paths, "-o", out, "--jobs", "2") as process:
        process.kill()
        process.communicate()
    assert parts_gone(out)


@needs_posix
@pytest.mark.command
@pytest.mark.usefixtures("interruptible")
def test_songs_that_were_done_before_ctrl_c_are_reported_and_kept(tmp_path, music):
    """Also the one behind the song that was in hand; the same command goes on where it was."""
    paths, out = [tmp_path / f"{number}.wav" for number in range(2)], tmp_path / "out"
    soundfile.write(paths[0], np.zeros(20 * 60 * 44100, np.int16), 44100)
    soundfile.write(paths[1], music(0.5), 44100)
    with begin(out, 1, *SEPARATE, *paths, "-o", out, "--jobs", "2") as process:
        while not (out / "1" / "accompaniment.wav").exists() or any((out / "1").glob("*.part")):
            time.sleep(0.02)
        time.sleep(0.5)  # for the record
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "keras-sep: interrupted\n")
    assert stdout.splitlines() == [str(out / "1" / f"{stem}.wav") for stem in ("vocals", "accompaniment")]
    assert names(out) == ["1", *(f"1/{name}" for name in STEMS)]
    assert "skipped, its stems are in" in separate(paths[1], "-o", out).stderr


@needs_posix
@pytest.mark.command
def test_what_was_told_to_ignore_a_closed_terminal_goes_on(tmp_path, music):
    """`nohup` does."""
    path, out = tmp_path / "song.wav", tmp_path / "out"
    soundfile.write(path, np.tile(music(1.0), (60, 1)), 44100)
    with begin(out, 2, "nohup", *SEPARATE, path, "-o", out) as process:
        os.killpg(process.pid, signal.SIGHUP)
        process.communicate(timeout=100)
    assert process.returncode == 0
    assert names(out / "song") == STEMS


@needs_posix
@pytest.mark.command
@pytest.mark.usefixtures("interruptible")
def test_an_end_while_nothing_comes_from_standard_input(tmp_path, music):
    """Whoever reads it cannot be interrupted."""
    song, out = tmp_path / "song.wav", tmp_path / "out"
    soundfile.write(song, np.tile(music(1.0), (60, 1)), 44100)
    with subprocess.Popen(
        [*map(os.fspath, SEPARATE), "-", "-o", out], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        content = song.read_bytes()
        process.stdin.write(content[: len(content) // 2])  # much more than a pipe holds: nearly all of it is read then
        process.stdin.flush()
        process.terminate()
        assert process.wait(60) == 130
        assert process.stderr.read() == b"keras-sep: interrupted\n"
    assert not out.exists()
