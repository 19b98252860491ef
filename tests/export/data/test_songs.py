"""The export reads the songs that training does, and as training does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from export.data.songs import read_stems, read_test_songs, song_folders
from keras_sep import AudioError
from tests.support.networks import SMALL_SPEC

RATE = SMALL_SPEC.sample_rate


def write(path: Path, seconds: float = 2, rate: int = RATE, channels: int = 2) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    phase = np.arange(channels) + len(path.stem)
    audio = (0.1 * np.sin(2 * np.pi * 200 * time[:, None] + phase)).astype(np.float32)
    soundfile.write(path, audio, rate, subtype="FLOAT")
    return audio


def test_songs_in_the_names_of_other_separators(tmp_path):
    root = tmp_path / "test" / "songs"
    write(root / "a" / "Vocals.wav")
    write(root / "a" / "no_vocals.wav")
    (root / "a" / "vocals.wav.asd").touch()
    parts = [write(root / "album" / "b" / f"{name}.wav") for name in ("vocals", "drums", "bass", "other")]
    assert song_folders(tmp_path) == [root / "a", root / "album" / "b"]
    stems = read_stems(root / "album" / "b", SMALL_SPEC)
    np.testing.assert_allclose(stems, [parts[0], sum(parts[1:])], atol=1e-6)
    songs, about = read_test_songs(tmp_path, SMALL_SPEC, seconds=1)
    assert [song["name"] for song in about["songs"]] == [song.folder.name for song in songs] == ["a", "b"]


def test_other_rates_and_mono(tmp_path):
    stereo = write(tmp_path / "vocals.wav")
    mono = write(tmp_path / "accompaniment.wav", channels=1)
    stems = read_stems(tmp_path, SMALL_SPEC)
    np.testing.assert_array_equal(stems, [stereo, np.repeat(mono, 2, axis=1)])
    write(tmp_path / "vocals.wav", rate=2 * RATE)
    np.testing.assert_allclose(read_stems(tmp_path, SMALL_SPEC)[0, 500:-500], stereo[500:-500], atol=1e-3)


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        ("nan", AudioError, "vocals.wav"),
        ("length", ValueError, "expected stems of one length"),
        ("name", ValueError, "expected stems named"),
    ],
)
def test_what_training_refuses_is_refused(tmp_path, damage, error, message):
    audio = write(tmp_path / "vocals.wav")
    write(tmp_path / "accompaniment.wav", seconds=2.5 if damage == "length" else 2)
    if damage == "nan":
        audio[7] = np.nan
        soundfile.write(tmp_path / "vocals.wav", audio, RATE, subtype="FLOAT")
    if damage == "name":
        write(tmp_path / "tuba.wav")
    with pytest.raises(error, match=message):
        read_stems(tmp_path, SMALL_SPEC)
