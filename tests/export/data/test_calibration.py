"""Which music calibrates."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from export.data import calibration as calibration_module
from export.data.calibration import read_calibration
from tests.support.networks import SMALL_SPEC


@pytest.fixture
def songs(tmp_path):
    for name in ("a", "b", "c"):
        folder = tmp_path / "train" / "songs" / name
        folder.mkdir(parents=True)
        for source in SMALL_SPEC.sources:
            wave = np.random.default_rng(len(name)).uniform(-0.1, 0.1, (9 * 44100, 2))
            soundfile.write(folder / f"{source}.wav", wave, 44100)
    return tmp_path


def test_calibration_is_read_from_the_middle_of_training_songs(songs):
    found = read_calibration(songs, SMALL_SPEC)
    assert len(found.mixtures) == 2
    assert len(found.check) == calibration_module.SECONDS * 44100
    assert found.about["songs"] == ["a", "b"]
    assert found.about["checked_on"] == "c"
    assert read_calibration(songs, SMALL_SPEC).about == found.about
    soundfile.write(songs / "train/songs/a/vocals.wav", np.zeros((9 * 44100, 2)), 44100)
    assert read_calibration(songs, SMALL_SPEC).about["sha256"] != found.about["sha256"]
    stem = songs / "train/songs/a/vocals.wav"
    soundfile.write(stem, np.zeros((9 * 48000, 2)), 48000)
    with pytest.raises(ValueError, match=r"expected 44100 Hz and 2 channels\. Received: 48000 Hz"):
        read_calibration(songs, SMALL_SPEC)
    stem.unlink()
    with pytest.raises(ValueError, match=r"one file vocals\.\*\. Received: 0"):
        read_calibration(songs, SMALL_SPEC)
    with pytest.raises(ValueError, match=r"two songs or more\. Received: 0"):
        read_calibration(songs / "train", SMALL_SPEC)
