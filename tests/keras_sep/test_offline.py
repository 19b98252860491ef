"""A Keras network on whole songs: states in chunks, patches without seams, aligned to the sample."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_sep.models import build_unet
from keras_sep.offline import iterate_masks, separate
from keras_sep.signal import OverlapAdd, StreamingStft
from tests.golden.make_unit_masks import build_unit_masks
from tests.support.networks import SMALL_SPEC, SMALL_UNET, as_if_trained, magnitude, vocals_mask

CHUNK = 16  # a patch is 32 frames; patches are 24 apart and overlap by 8


def collect(network: keras.Model, x: np.ndarray, chunk: int, name: str = "vocals_mask") -> np.ndarray:
    return np.concatenate([masks[name] for masks in iterate_masks(network, lambda a, b: x[a:b], len(x), chunk)])


class Ramp(layers.Layer):
    """A mask that says where in its patch a frame lies: 0 at the first, 1 after the last."""

    def call(self, x):
        frames = ops.shape(x)[1]
        position = ops.cast(ops.arange(frames), "float32") / ops.cast(frames, "float32")
        return ops.zeros_like(x) + position[None, :, None, None]


def patch_network(mask) -> keras.Model:
    inputs = keras.Input((None, SMALL_SPEC.num_bins, SMALL_SPEC.num_channels))
    return keras.Model(inputs, {"vocals_mask": mask(inputs), "accompaniment_mask": 1 - mask(inputs)})


@pytest.fixture(scope="module")
def unet() -> keras.Model:
    return build_unet(SMALL_UNET, SMALL_SPEC)


@pytest.fixture(scope="module")
def quarter() -> keras.Model:
    """Every mask is 1/4, respectively 3/4."""
    return patch_network(lambda x: ops.zeros_like(x) + 0.25)


@pytest.fixture(scope="module", params=["patches", "online"])
def constant(request) -> tuple[keras.Model, float]:
    """A network whose vocals mask is 1, and its accompaniment mask."""
    if request.param == "online":
        return build_unit_masks(SMALL_SPEC), 0.5
    return patch_network(lambda x: ops.ones_like(x)), 0.0


@pytest.mark.parametrize("chunk", [5, 8, 20, 32])
def test_an_online_network_gives_the_masks_of_the_whole_sequence(chunk):
    network, x = as_if_trained(31), magnitude(20)[0]
    expected = vocals_mask(network, x[None])[0]
    np.testing.assert_allclose(collect(network, x, chunk), expected, atol=1e-5)
    if chunk < 20:  # negative control: chunks that begin anew
        anew = [vocals_mask(network, x[None, start : start + chunk])[0] for start in range(0, 20, chunk)]
        assert np.abs(np.concatenate(anew) - expected).max() > 1e-3


def test_separate_applies_the_masks_of_the_whole_sequence(music):
    """600 frames: more than two chunks."""
    network, song = as_if_trained(32), music(600 * 64 / 44100)
    late = SMALL_SPEC.frame_length - SMALL_SPEC.frame_step
    spectrum = StreamingStft(SMALL_SPEC).push(np.concatenate([song, np.zeros((late, 2), np.float32)]))
    masks = network.predict(np.abs(spectrum)[None], verbose=0)
    found = separate(network, song, SMALL_SPEC)
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
    found = collect(patch_network(Ramp()), x, CHUNK)
    np.testing.assert_allclose(found, np.broadcast_to(expected[:, None, None], x.shape), atol=1e-6)
    # The fade is the point: the largest step from frame to frame is a fraction of a hard cut's.
    assert np.abs(np.diff(found[:, 0, 0])).max() < 0.2 < ramp[-1] - ramp[0]


@pytest.mark.parametrize("samples", [1, 700, 64 * 600 + 1])
def test_a_constant_mask_gives_the_song_to_the_sample(constant, samples):
    """An impulse stays where it is."""
    network, share = constant
    song = (0.1 * np.random.default_rng(33).standard_normal((samples, 2))).astype(np.float32)
    song[samples // 2, 0] = 1.0
    stems = separate(network, song, SMALL_SPEC)
    np.testing.assert_allclose(stems["vocals"], song, atol=1e-6)
    np.testing.assert_allclose(stems["accompaniment"], share * song, atol=1e-6)


@pytest.mark.parametrize("shape", [(100,), (100, 1), (100, 3)])
def test_a_wrong_channel_count_is_refused(unet, shape):
    with pytest.raises(ValueError, match=r"\(samples, 2\).*\(100,"):
        separate(unet, np.zeros(shape), SMALL_SPEC)
