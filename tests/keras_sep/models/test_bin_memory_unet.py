"""Our network: loudness, bin memories, masks that sum to one; what every network has to do: test_networks.py."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from keras import ops

from keras_sep.models import BinMemoryUnet, BinMemoryUnetConfig, OrUnet
from keras_sep.models.layers.bands import EVERY_BIN
from keras_sep.models.layers.blocks import compress
from keras_sep.models.layers.loudness import LEAST, REFERENCE
from keras_sep.models.recurrence import OverSequence
from tests.support.networks import SMALL_SPEC, magnitude, masks_of, small_network, vocals_mask

FRAMES = 6


def copy_weights(source, target) -> None:
    """Gives `target` the weights of `source` by their paths within a network."""
    weights = {weight.path.split("/", 1)[1]: weight for weight in source.weights}
    for weight in target.weights:
        weight.assign(weights[weight.path.split("/", 1)[1]])


def loudness(network: BinMemoryUnet, x: np.ndarray) -> np.ndarray:
    """Running loudness (B, T) of a linear magnitude (B, T, F, V)."""
    compressed = compress(network.bands(x.reshape(-1, *x.shape[2:])))
    mean = ops.mean(compressed, axis=(1, 2))[:, None]
    return ops.convert_to_numpy(OverSequence(x.shape[1])(network.loudness, mean)).reshape(x.shape[:2])


@pytest.mark.parametrize(("size", "millions"), [("s", 0.429), ("m", 1.304), ("l", 5.485)])
def test_sizes(size, millions):
    network = BinMemoryUnet(size)
    assert network.count_params() / 1e6 == pytest.approx(millions, abs=0.001)
    assert 1.0 < network.count_params() / OrUnet(size).count_params() < 1.15  # memories cost few parameters


def test_the_first_release_s_network_has_as_many_parameters_as_it_had():
    config = BinMemoryUnetConfig(
        encoder_channels=(24, 32, 48, 64, 96, 128),
        decoder_channels=(96, 64, 48, 32, 24, 16),
        squeeze_channels=24,
        gru_units=448,
        expand_channels=48,
        bands=EVERY_BIN,
        memory_level=2,
        memory_units=72,
    )
    network = BinMemoryUnet(config)
    assert network.count_params() == 1_896_140
    assert network.state_sizes == (2, 2, 256 * 72, 448, 256 * 72)


def test_at_first_it_is_the_or_unet_of_a_song_of_even_loudness_whose_masks_are_divided_by_their_sum():
    network, plain = BinMemoryUnet("tiny", SMALL_SPEC), OrUnet("tiny", SMALL_SPEC)
    copy_weights(network, plain)
    plain.mask.bias.assign([2.0, 1.0, -1.0, 0.5])  # sums far from one
    network.mask.bias.assign(plain.mask.bias)
    x = magnitude(FRAMES) * 300 * np.linspace(0.1, 10, FRAMES, dtype=np.float32)[:, None, None]
    assert loudness(network, x).min() > LEAST
    even = x * (REFERENCE / loudness(network, x)[..., None, None]) ** 4  # the input is the fourth root
    found, masks = masks_of(network, x), masks_of(plain, even)
    total = sum(masks.values())
    assert np.abs(total - 1).max() > 0.1
    np.testing.assert_allclose(sum(found.values()), 1, atol=1e-4)
    for name, mask in masks.items():
        np.testing.assert_allclose(found[name], mask / total, atol=1e-4)
    # Negative controls: each of the three is seen, and so are other weights.
    assert np.abs(vocals_mask(plain, x) / sum(masks_of(plain, x).values()) - found["vocals_mask"]).max() > 1e-2
    for memory in (network.skip_memory, network.decoder_memory):
        memory.dense.kernel.assign(memory.dense.kernel + 1)
        assert np.abs(vocals_mask(network, x) - found["vocals_mask"]).max() > 1e-3
        memory.dense.kernel.assign(memory.dense.kernel - 1)
    other = vocals_mask(OrUnet("tiny", SMALL_SPEC), even)
    assert np.abs(other - masks["vocals_mask"]).max() > 1e-3


def test_masks_sum_to_one_however_sure_the_network_is():
    network = small_network(5, BinMemoryUnet)
    for logits in ([50.0, 50.0, -50.0, -50.0], [-100.0] * 4):
        network.mask.set_weights([0 * network.mask.kernel.numpy(), np.array(logits)])
        masks = masks_of(network, magnitude(2))
        assert all(np.isfinite(mask).all() for mask in masks.values())
        if max(logits) > 0:
            np.testing.assert_allclose(sum(masks.values()), 1, atol=1e-5)


def test_loud_and_quiet_songs_get_the_same_masks():
    network, plain = small_network(4, BinMemoryUnet), small_network(4)
    x = magnitude(FRAMES) * 300
    assert loudness(network, x * 1e-2).min() > LEAST  # the least loudness is another matter
    masks = [vocals_mask(network, x * gain) for gain in (1.0, 10.0, 1e-2)]
    for mask in masks[1:]:
        np.testing.assert_allclose(mask, masks[0], atol=1e-4)
    masks = [vocals_mask(plain, x * gain) for gain in (1.0, 1e-2)]  # negative control: the paper's network
    assert np.abs(masks[1] - masks[0]).max() > 1e-2


def test_silence_gives_finite_masks():
    silence = np.zeros((1, FRAMES, SMALL_SPEC.num_bins, SMALL_SPEC.num_channels), np.float32)
    assert np.isfinite(vocals_mask(small_network(4, BinMemoryUnet), silence)).all()


@pytest.mark.parametrize("level", [-1, 0, 4])
def test_a_memory_level_outside_the_network_is_refused(level):
    config = dataclasses.replace(BinMemoryUnet.SIZES["tiny"], memory_level=level)
    with pytest.raises(ValueError, match=f"memory_level must be from 1 to 3. Received: memory_level={level}"):
        BinMemoryUnet(config, SMALL_SPEC)
