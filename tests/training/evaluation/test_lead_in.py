"""What is before a song costs a separator with a memory, and no other."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.stems import Song, Stem, StemPool
from training.evaluation import lead_in
from training.evaluation.methods import Method

RATE = 1000


@pytest.fixture
def song() -> Song:
    """Three seconds without voice, a second with it, one without, then four with it."""
    random = np.random.default_rng(0)
    sounding = np.repeat([0, 0, 0, 1, 0, 1, 1, 1, 1], RATE)[:, None]
    stems = {}
    for name, level in (("vocals", sounding), ("accompaniment", 1)):
        audio = np.round(3000 * level * random.standard_normal((len(sounding), 2))).astype(np.int16)
        stems[name] = Stem(f"song/{name}.wav", name, audio)
    return Song("song", stems["vocals"], stems["accompaniment"])


def table(monkeypatch, song: Song, separate) -> list[list[str]]:
    method = Method("model", "model", "model", separate, sample_rate=RATE)
    monkeypatch.setattr(lead_in.methods, "of_models", lambda names: ([method], RATE))
    monkeypatch.setattr(lead_in, "load_split", lambda *args: StemPool(songs=[song]))
    lines = lead_in.first_seconds_table(["model"], None, "valid", None).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_part_is_where_the_voice_first_sounds_for_two_seconds(monkeypatch, song):
    seen = []

    def perfect(scored):
        seen.append(scored)
        return {"vocals": scored.references["vocals"] + 1e-3, "accompaniment": scored.mixture}

    head, _, row, mean = table(monkeypatch, song, perfect)
    assert head == ["model", "song", "nothing", "digital silence", "noise at −90 dB", "noise at −60 dB"]
    voice = song.vocals.read(5 * RATE, 2 * RATE)
    expected = 10 * np.log10(np.mean(voice**2) / 1e-6)
    assert float(row[2]) == pytest.approx(expected, abs=0.01)
    assert row[3:] == mean[3:] == ["0.00"] * 3
    assert [len(scored.mixture) for scored in seen] == [2 * RATE] + [22 * RATE] * 3
    levels = [20 * np.log10(scored.mixture[: 20 * RATE].std() + 1e-9) for scored in seen[1:]]
    np.testing.assert_allclose(levels, [-180, -90, -60], atol=0.1)
    for scored in seen:
        np.testing.assert_array_equal(scored.references["vocals"][-2 * RATE :], voice)


def test_a_model_that_is_thrown_off_by_noise_loses(monkeypatch, song):
    def deafened(scored):
        noise = scored.mixture[: -2 * RATE]
        wrong = 100 * noise.std() if len(noise) else 0.01
        return {"vocals": scored.references["vocals"] + np.float32(wrong), "accompaniment": scored.mixture}

    *_, row = table(monkeypatch, song, deafened)
    assert float(row[-1].replace("−", "-")) == pytest.approx(-20, abs=0.1)  # 0.1 for 0.01


@pytest.mark.parametrize("channels", [("vocals",), ("vocals", "accompaniment")])
def test_mono_stems(monkeypatch, song, channels):
    """Together with a stereo stem, and alone."""
    for name in channels:
        stem = getattr(song, name)
        stem.audio = stem.audio[:, :1]
    shapes = set()

    def perfect(scored):
        shapes.add((scored.mixture.shape[1], scored.references["vocals"].shape[1]))
        return {"vocals": scored.references["vocals"] + 1e-3, "accompaniment": scored.mixture}

    *_, row = table(monkeypatch, song, perfect)
    assert row[3:] == ["0.00"] * 3
    assert shapes == {(2, 2) if len(channels) == 1 else (1, 1)}


def test_songs_without_such_a_place_are_left_out_and_none_is_an_error(monkeypatch, song):
    song.vocals.audio[6 * RATE :] = 0
    with pytest.raises(ValueError, match="expected a song whose voice sounds for 2 s on end"):
        table(monkeypatch, song, lambda scored: {})


def test_models_of_one_name_have_a_mean_each(monkeypatch, song):
    methods = [
        Method(
            "same", "same", "model", lambda s, e=e: {"vocals": s.references["vocals"] + np.float32(e)}, sample_rate=RATE
        )
        for e in (0.1, 0.01)
    ]
    monkeypatch.setattr(lead_in.methods, "of_models", lambda names: (methods, RATE))
    monkeypatch.setattr(lead_in, "load_split", lambda *args: StemPool(songs=[song]))
    lines = lead_in.first_seconds_table(["a/same", "b/same"], None, "valid", None).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[1] for row in rows] == ["song", "song", "mean of 1", "mean of 1"]
    assert [row[2] for row in rows[:2]] == [row[2] for row in rows[2:]]
