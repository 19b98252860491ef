"""Recordings that cannot go on: what was recorded up to then is kept."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from keras_sep import AudioError, StreamSpec
from keras_sep.audio import FORMATS, AudioReader
from keras_sep.live.recorder import Recorder
from tests.support.commands import here
from tests.support.fake_sounddevice import PLAYING
from tests.support.needs import needs_posix
from tests.support.paths import GOLDEN
from tests.support.small_disk import files_up_to, small_disk

RATE, BLOCK = 44100, 512
BUFFER = 1024  # samples, 8 KiB as float, that are written at a time
NAMES = ("accompaniment", "mixture", "vocals")


def record(recorder: Recorder, x: np.ndarray) -> int:
    """Hands the recorder x as all three, until it can do no more; returns how many samples it has taken."""
    for start in range(0, len(x), BLOCK):
        block = x[start : start + BLOCK]
        recorder.put(dict.fromkeys(NAMES, block))
    with pytest.raises(AudioError) as error:
        recorder.close()
    (line,) = str(error.value).splitlines()
    assert f"; what was recorded up to then, {recorder.num_samples / RATE:.1f} s, is kept" in line
    return recorder.num_samples


def read(path) -> tuple[np.ndarray, list[str]]:
    with AudioReader(path) as reader:
        return np.concatenate(list(reader.blocks())), reader.warnings


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_keeps_what_was_recorded(music, tmp_path, format):
    x = np.tile(music(2.0), (10, 1))
    with small_disk(tmp_path / "disk", 1) as disk:
        recorder = Recorder(disk / "out", StreamSpec(), format=format)
        samples = record(recorder, x)
        assert BUFFER < samples < len(x)
        suffix = FORMATS[format].suffix
        assert sorted(path.name for path in (disk / "out").iterdir()) == [f"{name}{suffix}" for name in NAMES]
        rate = FORMATS[format].rate_for(RATE)
        for name in NAMES:
            y, warnings = read(disk / "out" / f"{name}{suffix}")
            assert warnings == []
            assert len(y) == round(samples * rate / RATE)
            if format == "wav":
                np.testing.assert_array_equal(y, x[: len(y)])
            elif rate == RATE:
                assert np.abs(y - x[: len(y)]).mean() < 0.01
        assert sum(path.stat().st_size for path in (disk / "out").iterdir()) > 150 << 10  # 256 KiB are not kept free


@needs_posix
@pytest.mark.parametrize("format", ["wav", "wav16"])
def test_a_wav_that_may_not_grow_keeps_what_was_recorded(music, tmp_path, format):
    """As beyond 4 GiB on a memory card, of which the free space says nothing."""
    x = np.tile(music(2.0), (3, 1))
    recorder = Recorder(tmp_path / "out", StreamSpec(), format=format)
    with files_up_to(300_000):
        samples = record(recorder, x)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [f"{name}.wav" for name in NAMES]
    for name in NAMES:
        y, warnings = read(tmp_path / "out" / f"{name}.wav")
        assert warnings == []
        assert abs(len(y) - samples) < 2 * BUFFER
        np.testing.assert_allclose(y, x[: len(y)], atol=0 if format == "wav" else 2**-15)


@needs_posix
def test_what_cannot_be_completed_leaves_nothing(music, tmp_path):
    recorder = Recorder(tmp_path / "out", StreamSpec(), format="flac")
    with files_up_to(100_000):
        recorder.put(dict.fromkeys(NAMES, np.tile(music(2.0), (3, 1))))
        with pytest.raises(AudioError, match=r"\.flac: cannot write: File too large$"):
            recorder.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_vanishes_is_one_line(music, tmp_path):
    recorder = Recorder(tmp_path / "out", StreamSpec())
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    recorder.put(dict.fromkeys(NAMES, music(0.1)))
    with pytest.raises(AudioError, match=r"out: cannot write: No such file or directory$"):
        recorder.close()


def test_the_command_says_so_in_one_line(sounddevice, music, tmp_path, monkeypatch):
    sounddevice(PLAYING)
    monkeypatch.setenv("FAKE_SOUNDDEVICE_SPEED", "8")
    x = np.tile(music(2.0), (5, 1))
    soundfile.write(tmp_path / "song.wav", x, RATE, subtype="FLOAT")
    model = GOLDEN / "unit-waveform-float32.tflite"
    with small_disk(tmp_path / "disk", 2) as disk:
        arguments = ("--file", tmp_path / "song.wav", "--record", disk / "out", "--model", model, "--quiet")
        result = here("live", *arguments)
        (line,) = result.stderr.splitlines()
        assert (result.returncode, result.stdout) == (1, "")
        assert line.startswith(f"keras-sep: error: {disk / 'out'}: cannot write: No space left on device; what was ")
        y = soundfile.read(disk / "out" / "mixture.wav", dtype="float32")[0]
        assert len(y) > RATE
        np.testing.assert_array_equal(y, x[: len(y)])
