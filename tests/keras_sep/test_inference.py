"""A Keras network on whole songs: states in chunks, patches without seams, aligned to the sample."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
from keras import ops

from keras_sep.inference import MaskStream, iterate_masks, separate
from keras_sep.models import Lstm, MaskNetwork, Unet
from keras_sep.signal import OverlapAdd, StreamingStft, magnitude_views
from tests.support.networks import (
    FOUR_VIEWS,
    SMALL_SPEC,
    magnitude,
    masks_of,
    small_network,
    unit_network,
    vocals_mask,
)

CHUNK = 16  # a patch is 32 frames; patches are 24 apart and overlap by 8


def collect(network: MaskNetwork, x: np.ndarray, chunk: int, name: str = "vocals_mask") -> np.ndarray:
    return np.concatenate([masks[name] for masks in iterate_masks(network, lambda a, b: x[a:b], len(x), chunk)])


def place(x):
    """A mask that says where in its patch a frame lies: 0 at the first, 1 after the last."""
    frames = ops.shape(x)[1]
    position = ops.cast(ops.arange(frames), "float32") / ops.cast(frames, "float32")
    return ops.zeros_like(x) + position[None, :, None, None]


class PatchNetwork(MaskNetwork):
    """Not online; its masks are a function of the magnitude."""

    SIZES = {"tiny": ""}  # noqa: RUF012

    def __init__(self, mask: Callable):
        self.mask = mask
        super().__init__("tiny", SMALL_SPEC)

    def make_layers(self):
        pass

    def call(self, magnitude, training=None):
        return self.named([self.mask(magnitude), 1 - self.mask(magnitude)])


@pytest.fixture(scope="module")
def unet() -> Unet:
    keras.utils.set_random_seed(30)
    return Unet("tiny", SMALL_SPEC)


@pytest.fixture(scope="module")
def quarter() -> MaskNetwork:
    """The masks are 1/4 and 3/4."""
    return PatchNetwork(lambda x: ops.zeros_like(x) + 0.25)


@pytest.fixture(scope="module", params=["patches", "online"])
def constant(request) -> tuple[MaskNetwork, float]:
    """A network whose vocals mask is 1, and its accompaniment mask."""
    if request.param == "online":
        return unit_network(SMALL_SPEC), 0.5
    return PatchNetwork(ops.ones_like), 0.0


@pytest.mark.parametrize("chunk", [5, 8, 20, 32])
def test_an_online_network_gives_the_masks_of_the_whole_sequence(chunk):
    network, x = small_network(31), magnitude(20)[0]
    expected = vocals_mask(network, x[None])[0]
    np.testing.assert_allclose(collect(network, x, chunk), expected, atol=1e-5)
    if chunk < 20:  # negative control: chunks that begin anew
        anew = [vocals_mask(network, x[None, start : start + chunk])[0] for start in range(0, 20, chunk)]
        assert np.abs(np.concatenate(anew) - expected).max() > 1e-3


def test_a_stream_goes_on_where_it_was():
    network, x = small_network(31, Lstm), magnitude(12)[0]
    stream, expected = MaskStream(network), masks_of(network, x[None])
    assert [state.shape for state in stream.states] == [(1, size) for size in network.state_sizes]
    parts = [stream.push(part) for part in np.split(x, 3)]
    for name, mask in expected.items():
        found = np.concatenate([part[name] for part in parts])
        np.testing.assert_allclose(found, mask[0], atol=1e-5)
    _, states = network.chunk(x[None])
    for found, state in zip(stream.states, states, strict=True):
        np.testing.assert_allclose(found, state, atol=1e-5)
    anew = MaskStream(network).push(x[4:8])["vocals_mask"]  # negative control
    assert np.abs(anew - expected["vocals_mask"][0, 4:8]).max() > 1e-3


@pytest.mark.parametrize("spec", [SMALL_SPEC, FOUR_VIEWS], ids=["two views", "four views"])
def test_separate_applies_the_masks_of_the_whole_sequence(music, spec):
    """600 frames: more than two chunks."""
    network, song = small_network(32, spec=spec), music(600 * 64 / 44100)
    late = SMALL_SPEC.frame_length - SMALL_SPEC.frame_step
    spectrum = StreamingStft(SMALL_SPEC).push(np.concatenate([song, np.zeros((late, 2), np.float32)]))
    masks = network.predict(magnitude_views(spectrum, spec)[None], verbose=0)
    found = separate(network, song)
    assert set(found) == {"vocals", "accompaniment"}
    for source, stem in found.items():
        expected = OverlapAdd(SMALL_SPEC).push(masks[f"{source}_mask"][0] * spectrum)[late:]
        assert stem.shape == song.shape
        np.testing.assert_allclose(stem, expected[: len(song)], atol=1e-5)
        assert np.abs(stem[1:] - expected[: len(song) - 1]).max() > 1e-2  # a sample's shift is seen


@pytest.mark.parametrize("num_frames", [1, 5, 31, 32, 33, 56, 57, 100])
def test_a_song_of_any_length_in_patches(num_frames, quarter, unet):
    """Shorter than a patch, exactly one, exactly two (56), many; where patches agree there is no seam."""
    x = magnitude(num_frames)[0]
    np.testing.assert_allclose(collect(quarter, x, CHUNK), np.full(x.shape, 0.25), atol=1e-7)
    masks = collect(unet, x, CHUNK)
    assert masks.shape == x.shape


def test_one_patch_is_the_network_s_own_output(unet):
    x = magnitude(2 * CHUNK)[0]
    np.testing.assert_allclose(collect(unet, x, CHUNK), vocals_mask(unet, x[None])[0], atol=1e-6)


def test_patches_fade_into_each_other():
    size, overlap = 2 * CHUNK, CHUNK // 2
    x = magnitude(2 * size - overlap)[0]
    ramp = np.arange(size) / size
    fade = (np.arange(overlap) + 0.5) / overlap
    middle = (1 - fade) * ramp[-overlap:] + fade * ramp[:overlap]
    expected = np.concatenate([ramp[:-overlap], middle, ramp[overlap:]])
    found = collect(PatchNetwork(place), x, CHUNK)
    np.testing.assert_allclose(found, np.broadcast_to(expected[:, None, None], x.shape), atol=1e-6)
    # The fade is the point: the largest step from frame to frame is a fraction of a hard cut's.
    assert np.abs(np.diff(found[:, 0, 0])).max() < 0.2 < ramp[-1] - ramp[0]


@pytest.mark.parametrize("samples", [1, 700, 64 * 600 + 1])
def test_a_constant_mask_gives_the_song_to_the_sample(constant, samples):
    """An impulse stays where it is."""
    network, share = constant
    song = (0.1 * np.random.default_rng(33).standard_normal((samples, 2))).astype(np.float32)
    song[samples // 2, 0] = 1.0
    stems = separate(network, song)
    np.testing.assert_allclose(stems["vocals"], song, atol=1e-6)
    np.testing.assert_allclose(stems["accompaniment"], share * song, atol=1e-6)


@pytest.mark.parametrize("shape", [(100,), (100, 1), (100, 3)])
def test_a_wrong_channel_count_is_refused(unet, shape):
    with pytest.raises(ValueError, match=r"\(samples, 2\).*\(100,"):
        separate(unet, np.zeros(shape))
