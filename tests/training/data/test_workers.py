"""Mixing in processes of their own, and the spectra of what they draw in the graph."""

from __future__ import annotations

import dataclasses
import itertools
import multiprocessing
import pickle

import keras
import numpy as np
import pytest

from tests.support.pools import POOLS, SPEC, song, tone
from training.data.batches import random_batches
from training.data.mixing import Mixing, RandomMixer
from training.data.stems import Stem, StemPool
from training.data.waveforms import magnitudes_of
from training.data.workers import end, waveform_batches

NOISY = Mixing(floor=0.7, floor_db=-40)


def drawn(mixer: RandomMixer, count: int, **options) -> list[dict[str, np.ndarray]]:
    batches = waveform_batches(mixer, 3, seed=5, **options)
    try:
        return [x for (x,) in itertools.islice(batches, count)]
    finally:
        end(batches)
        assert multiprocessing.active_children() == []


@pytest.fixture(scope="module")
def mixer() -> RandomMixer:
    return RandomMixer(POOLS["all"](), SPEC, 40, NOISY)


@pytest.fixture(scope="module")
def batches(mixer) -> list[dict[str, np.ndarray]]:
    return drawn(mixer, 6, workers=2, prefetch=2)


def test_their_spectra_are_the_batches_of_one_process(mixer, batches):
    floors = 0
    for x, (mixture, sources) in zip(batches, random_batches(mixer, 3, seed=5), strict=False):
        found, by_source = magnitudes_of(x, SPEC)
        for a, b in ((found, mixture), *((by_source[name], sources[name]) for name in sources)):
            a = keras.ops.convert_to_numpy(a)
            assert a.shape == b.shape == (3, 40, SPEC.num_bins, 2)
            np.testing.assert_allclose(a, b, atol=1e-4)
        floors += sum(np.any(row[2]) for row in x["waveforms"])
    assert 0 < floors < 18


def test_their_spectra_have_the_views_of_the_spec(mixer, batches):
    spec = dataclasses.replace(SPEC, views=("left", "right", "mid", "side"))
    expected, _ = next(random_batches(RandomMixer(mixer.pool, spec, 40, NOISY), 3, seed=5))
    found, by_source = magnitudes_of(batches[0], spec)
    assert found.shape == expected.shape == (3, 40, SPEC.num_bins, 4)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, atol=1e-4)
    assert by_source["vocals"].shape[-1] == 2
    assert np.abs(expected[..., 2] - expected[..., 3]).max() > 1e-2  # mid is not side


def test_they_depend_on_the_step_alone(mixer, batches):
    later = drawn(mixer, 2, workers=1, first_step=4)
    for a, b in zip(later, batches[4:], strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_a_batch_stays_when_later_ones_are_made(mixer):
    stream = waveform_batches(mixer, 2, seed=1, workers=1, prefetch=1)
    (first,) = next(stream)
    before = first["waveforms"].copy()
    for _ in range(4):
        next(stream)
    end(stream)
    np.testing.assert_array_equal(first["waveforms"], before)


def test_what_a_worker_raises_is_raised_here():
    broken = song(0)
    broken.vocals.audio = None  # type: ignore[assignment]
    with pytest.raises(TypeError, match="NoneType"):
        drawn(RandomMixer(StemPool([broken]), SPEC, 40), 1, workers=1)


@pytest.mark.parametrize("name", ["batch_size", "workers", "prefetch"])
def test_counts_below_one_are_refused(mixer, name):
    counts = {"batch_size": 1, "workers": 1, "prefetch": 1, name: 0}
    with pytest.raises(ValueError, match=f"at least 1. Received: .*{name}=0"):
        next(waveform_batches(mixer, seed=1, **counts))


def test_mapped_stems_go_to_another_process_as_a_place_in_a_file(tmp_path):
    np.save(tmp_path / "a.npy", np.round(tone(300, 20)[:, None] * 30000).astype(np.int16))
    whole = Stem("a.wav", "", np.load(tmp_path / "a.npy", mmap_mode="r"))
    cut = Stem("a.wav", "", whole.audio[1001:150_001])
    for stem in (whole, cut):
        sent = pickle.dumps(stem)
        assert len(sent) < 1000
        np.testing.assert_array_equal(pickle.loads(sent).audio, stem.audio)
    assert isinstance(pickle.loads(pickle.dumps(cut)).audio, np.memmap)
    in_memory = pickle.loads(pickle.dumps(Stem("b.wav", "", np.arange(6, dtype=np.int16).reshape(3, 2))))
    assert in_memory.audio.tolist() == [[0, 1], [2, 3], [4, 5]]
