"""Excerpts that processes draw become the same batches as those drawn here."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle

import numpy as np
import pytest

from tests.support.pools import POOLS, SPEC, song, tone
from training.data.batches import Batch, end, random_batches
from training.data.mixing import Mixing, RandomMixer
from training.data.stems import Stem, StemPool

NOISY = Mixing(floor=0.7, floor_db=-40)


def drawn(mixer: RandomMixer, count: int, **options) -> list[Batch]:
    batches = random_batches(mixer, 3, seed=5, **options)
    try:
        return list(itertools.islice(batches, count))
    finally:
        end(batches)
        assert multiprocessing.active_children() == []


def assert_equal(found: list[Batch], expected: list[Batch]) -> None:
    for (x, y), (other_x, other_y) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(x, other_x)
        for source in ("vocals", "accompaniment"):
            np.testing.assert_array_equal(y[source], other_y[source])


@pytest.fixture(scope="module")
def mixer() -> RandomMixer:
    """Of sources with one channel and with two, some with a noise floor."""
    return RandomMixer(POOLS["all"](), SPEC, 40, NOISY)


def test_batches_are_those_of_one_process_whatever_the_number_of_workers(mixer):
    expected = drawn(mixer, 9)
    assert np.any(expected[0][0] != expected[1][0])
    # Nine batches of a room for three: places are used again, and what was made before stays as it is.
    assert_equal(drawn(mixer, 9, workers=2, prefetch=2), expected)
    assert_equal(drawn(mixer, 2, workers=1, first_step=7), expected[7:])


def test_excerpts_have_a_noise_floor_or_none_and_one_channel_or_two(mixer):
    """Otherwise the test above would not see all that is sent."""
    excerpts = [mixer.draw(np.random.default_rng([5, step, row])) for step in range(9) for row in range(3)]
    assert {excerpt.floor is None for excerpt in excerpts} == {True, False}
    assert {len(source.waveform) for x in excerpts for source in (x.vocals, x.accompaniment)} == {1, 2}


def test_what_a_worker_raises_is_raised_here():
    broken = song(0)
    broken.vocals.audio = None  # type: ignore[assignment]
    with pytest.raises(TypeError, match="NoneType"):
        drawn(RandomMixer(StemPool([broken]), SPEC, 40), 1, workers=1)


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
