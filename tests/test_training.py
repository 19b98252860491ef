from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep.spec import StreamSpec
from training.batches import random_batches
from training.config import TrainConfig
from training.mixing import RandomMixer
from training.scoring import active_frames, bss_eval, most_active_excerpt, si_sdr
from training.stems import load_pool

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "training" / "configs" / "or_unet.toml"
RATE = 44100


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A small folder in the layout of training/stems.py: tones as voices, noise as music."""
    root, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)

    def write(name: str, seconds: float, channels: int, voice: bool, rate: int = RATE) -> None:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        time = np.arange(int(seconds * rate)) / rate
        x = np.sin(2 * np.pi * 220 * time) * (np.sin(2 * np.pi * time) > 0) if voice else rng.standard_normal(len(time))
        soundfile.write(path, 0.2 * np.repeat(x[:, None], channels, axis=1), rate)

    for split in ("train", "valid"):
        for song in ("one", "two"):
            write(f"{split}/songs/{song}/vocals.wav", 4, 2, True)
            write(f"{split}/songs/{song}/accompaniment.wav", 4, 2, False)
        write(f"{split}/voices/a.flac", 5, 1, True)
        write(f"{split}/voices/b.flac", 5, 1, True, rate=22050)
        write(f"{split}/instrumentals/a.wav", 5, 2, False)
        for index in range(4):
            write(f"{split}/instrumentals/track{index}.wav", 3, 1, False)
    rows = ["path,kind,licence,licence_family"]
    rows += [f"train/instrumentals/track{i}.wav,instrument_track,CC0,free" for i in range(4)]
    rows += ["train/voices/a.flac,voice,CC BY-NC,nc"]
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root


def test_a_pool_is_read_and_cached(data, tmp_path):
    pool = load_pool(data, "train", tmp_path, RATE, progress=False)
    assert [song.name for song in pool.songs] == ["one", "two"]
    assert [len(x) for x in (pool.voices, pool.instrumentals, pool.instrument_tracks)] == [2, 1, 4]
    resampled = next(stem for stem in pool.voices if stem.path.endswith("b.flac"))
    assert len(resampled.audio) == 5 * RATE
    assert len(list(tmp_path.iterdir())) == len({stem.sha256 for stem in pool.stems()})
    np.testing.assert_allclose(
        pool.songs[0].vocals.read(100, 50),
        soundfile.read(data / "train/songs/one/vocals.wav", start=100, frames=50, always_2d=True)[0],
        atol=1e-4,
    )
    free = load_pool(data, "train", tmp_path, RATE, licences="free", progress=False)
    assert {stem.path for stem in free.stems()} == {f"train/instrumentals/track{i}.wav" for i in range(4)}


def test_stems_of_unequal_length_are_named(data, tmp_path):
    song = tmp_path / "train/songs/three"
    song.mkdir(parents=True)
    soundfile.write(song / "vocals.wav", np.zeros(10), RATE)
    soundfile.write(song / "accompaniment.wav", np.zeros(11), RATE)
    with pytest.raises(ValueError, match=r"three.*\[10, 11\]"):
        load_pool(tmp_path, "train", tmp_path / "cache", RATE, progress=False)
    with pytest.raises(ValueError, match="expected audio below"):
        load_pool(tmp_path, "test", tmp_path / "cache", RATE, progress=False)


@pytest.fixture(scope="module")
def mixer(data, tmp_path_factory) -> RandomMixer:
    pool = load_pool(data, "train", tmp_path_factory.mktemp("cache"), RATE, progress=False)
    return RandomMixer(pool, StreamSpec(), num_frames=16)


def test_mixing_is_a_function_of_the_seed(mixer):
    a, b, c = (mixer.draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(a.mixture, b.mixture)
    assert not np.array_equal(a.mixture, c.mixture)


def test_mixtures_are_what_they_are_made_of(mixer):
    silent_voice = silent_music = 0
    for seed in range(150):
        segment = mixer.draw(np.random.default_rng(seed))
        assert segment.mixture.shape == (16, 1025, 2)
        assert segment.mixture.dtype == np.float32
        assert np.all(np.isfinite(segment.mixture))
        # |V + A| lies between | |V| − |A| | and |V| + |A|.
        assert np.all(segment.mixture <= (segment.vocals + segment.accompaniment) * 1.001 + 1e-4)
        assert np.all(segment.mixture >= np.abs(segment.vocals - segment.accompaniment) * 0.999 - 1e-4)
        silent_voice += not segment.vocals.any()
        silent_music += not segment.accompaniment.any()
    assert 2 <= silent_voice <= 30
    assert 0 < silent_music < silent_voice


def test_a_resumed_run_sees_the_batches_it_would_have_seen(mixer):
    from_start = random_batches(mixer, 2, seed=1, prefetch=2)
    batches = [next(from_start) for _ in range(4)]
    resumed = next(random_batches(mixer, 2, seed=1, first_step=3, prefetch=2))
    assert np.array_equal(resumed[0], batches[3][0])
    assert np.array_equal(resumed[1]["vocals"], batches[3][1]["vocals"])
    assert not np.array_equal(resumed[0], batches[2][0])


def test_the_shipped_configuration_and_overrides():
    assert TrainConfig.load(CONFIG).size == "m"
    assert TrainConfig.load(CONFIG, ["size=s", "learning_rate=1"]).learning_rate == 1.0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sise=m", "unknown keys \\['sise'\\]"),
        ("batch_size=0", "batch_size must be at least 1"),
        ("batch_size=two", "batch_size must be of type int"),
        ("licences=some", "licences"),
        ("seed", "expected key=value"),
    ],
)
def test_a_wrong_setting_is_named(override, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.load(CONFIG, [override])


def _command(data: Path, run: Path, *settings: str) -> list[str]:
    command = [sys.executable, "-m", "training", "train", str(CONFIG), "--data", str(data), "--out", str(run)]
    fixed = ("size=s", "segment_frames=8", "batch_size=2", "steps_per_epoch=2", "validation_segments=2")
    for setting in (*fixed, "warmup_steps=1", *settings):
        command += ["--set", setting]
    return command


def _train(data: Path, run: Path, *settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(_command(data, run, *settings), capture_output=True, text=True, cwd=ROOT)


def test_a_run_is_trained_and_keeps_what_made_it(data, tmp_path):
    run = tmp_path / "run"
    result = _train(data, run, "total_steps=4")
    assert result.returncode == 0, result.stderr
    history = (run / "history.csv").read_text().splitlines()
    assert [row.split(",")[1] for row in history[1:]] == ["2", "4"]
    assert json.loads((run / "config.json").read_text())["seed"] == 1
    manifest = json.loads((run / "manifest.json").read_text())
    assert len(manifest["train"]) == 11
    assert (run / "best.keras").exists()
    assert (run / "last.keras").exists()
    again = _train(data, run, "total_steps=4")
    assert "nothing to do" in again.stdout
    assert (run / "history.csv").read_text().splitlines() == history
    other = _train(data, run, "total_steps=6")
    assert other.returncode == 1
    assert "another configuration (differs in total_steps)" in other.stderr


def _history(run: Path) -> list[dict[str, str]]:
    path = run / "history.csv"
    return list(csv.DictReader(path.open())) if path.exists() else []


def test_a_killed_run_goes_on_where_it_was(data, tmp_path):
    run, settings = tmp_path / "run", ("total_steps=24",)
    with subprocess.Popen(_command(data, run, *settings), cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while len(_history(run)) < 3:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    before = _history(run)
    assert len(before) < 12
    result = _train(data, run, *settings)
    assert result.returncode == 0, result.stderr
    after = _history(run)
    assert after[: len(before)] == before
    # The optimizer's count and its schedule go on; neither starts anew.
    assert [int(row["step"]) for row in after] == list(range(2, 25, 2))
    rates = [float(row["learning_rate"]) for row in after]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 0


def test_bss_eval_of_a_score_known_by_construction():
    rng = np.random.default_rng(0)
    vocals, accompaniment = rng.standard_normal((2, 3 * RATE, 2)) * 0.1
    noise = rng.standard_normal(vocals.shape) * 0.1
    noisy = vocals + noise * 10 ** (-10 / 20)
    sdr = bss_eval([vocals, accompaniment], [noisy, accompaniment + 0.01 * noise], RATE)["SDR"]
    assert sdr.shape == (2, 3)
    np.testing.assert_allclose(sdr[0], 10.0, atol=0.3)
    assert si_sdr(vocals, 3 * noisy) == pytest.approx(10.0, abs=0.1)


def test_voice_active_frames():
    rng = np.random.default_rng(0)
    levels_db = np.array([-200, -70, -25, -10, -55, -45])
    vocals = np.concatenate([rng.standard_normal((RATE, 2)) * 10 ** (db / 20) for db in levels_db])
    assert active_frames(vocals, RATE).tolist() == [False, False, True, True, False, True]
    assert most_active_excerpt(vocals, RATE, 2) == slice(2 * RATE, 4 * RATE)
    assert most_active_excerpt(vocals, RATE, 60) == slice(0, 6 * RATE)
    assert not active_frames(np.zeros((RATE, 2)), RATE).any()
