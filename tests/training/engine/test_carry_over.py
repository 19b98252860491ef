"""A network in new bands and views that begins with the weights of another."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from keras_sep.models import BinMemoryUnet, OrUnet
from keras_sep.models.layers.bands import BANDS_320, EVERY_BIN, Bands
from keras_sep.spec import StreamSpec
from tests.support.networks import FOUR_VIEWS, SMALL_SPEC, every_bin, magnitude, masks_of, small_network
from tests.support.runs import write_run
from training.engine.carry_over import LOUDNESS_RATIO, carry_over, overlaps
from training.engine.warm_start import begin_with


def test_the_lowest_positions_of_a_full_network():
    """16 of 64 bins each, and five: two of 64 bands of one bin, two of two bins, one of ten."""
    shares = overlaps(Bands(1025, EVERY_BIN), Bands(1025, BANDS_320), depth=6)
    expected = np.zeros((5, 16))
    for row, (first, last) in enumerate(((0, 1), (1, 2), (2, 4), (4, 6), (6, 16))):
        expected[row, first:last] = 1
    np.testing.assert_array_equal(shares, expected)
    np.testing.assert_allclose(overlaps(Bands(1025, BANDS_320), Bands(1025, BANDS_320), depth=5), np.eye(10))


def test_new_views_that_show_nothing_new_change_nothing():
    """Of equal magnitudes, so that the loudness is the same too."""
    old = small_network(3, BinMemoryUnet)
    new = small_network(4, BinMemoryUnet, FOUR_VIEWS)
    x = magnitude(12)
    x[..., 1] = x[..., 0]
    four = np.concatenate([x, x], axis=-1)
    assert np.abs(masks_of(new, four)["vocals_mask"] - masks_of(old, x)["vocals_mask"]).max() > 0.01
    carry_over(old, new)
    for name, mask in masks_of(old, x).items():
        np.testing.assert_allclose(masks_of(new, four)[name], mask, atol=1e-5)


def test_what_tells_positions_apart_is_summed_or_averaged():
    """The lowest positions of a tiny network: 16 of 8 bins, and five of 8, 8, 16, 16 and 80."""
    old, depth = every_bin(), 3
    new = BinMemoryUnet("tiny", FOUR_VIEWS)
    for weight in (old.gru.cell.kernel, old.expand.bias):
        weight.assign(np.random.default_rng(1).standard_normal(weight.shape))
    carry_over(old, new)
    rows, shares = old.gru.cell.kernel.numpy().reshape(16, -1, 3 * 12), overlaps(old.bands, new.bands, depth)
    assert shares.sum(axis=1).tolist() == [1, 1, 2, 2, 10]
    kernel = new.gru.cell.kernel.numpy().reshape(5, -1, 3 * 12)
    np.testing.assert_allclose(kernel[2], rows[2] + rows[3], atol=1e-5)
    bias = new.expand.bias.numpy().reshape(5, -1)
    np.testing.assert_allclose(bias[4], old.expand.bias.numpy().reshape(16, -1)[6:].mean(axis=0), atol=1e-5)
    first = new.down[0].conv.kernel.numpy()
    np.testing.assert_allclose(first[:, :2], LOUDNESS_RATIO * old.down[0].conv.kernel.numpy(), atol=1e-6)
    assert not first[:, 2:].any()
    mask, before = new.mask.kernel.numpy(), old.mask.kernel.numpy()
    np.testing.assert_allclose(mask[:, :-4], before[:, :-2], atol=1e-6)
    np.testing.assert_allclose(mask[:, -4:-2], LOUDNESS_RATIO * before[:, -2:], atol=1e-6)
    np.testing.assert_array_equal(new.gru.cell.recurrent_kernel, old.gru.cell.recurrent_kernel)


def test_other_sizes_are_refused():
    old = BinMemoryUnet(dataclasses.replace(BinMemoryUnet.SIZES["tiny"], gru_units=13), SMALL_SPEC)
    with pytest.raises(ValueError, match=r"init: expected sizes .*gru_units=12.*Received: .*gru_units=13"):
        carry_over(old, BinMemoryUnet("tiny", FOUR_VIEWS))


def test_a_run_goes_on_with_more_views(tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=2", network=small_network(3, BinMemoryUnet))
    more = begin_with(str(run), "bin_memory_unet", "tiny", FOUR_VIEWS)
    assert more.spec == FOUR_VIEWS
    plain = begin_with(str(run), "bin_memory_unet", "tiny", SMALL_SPEC)
    np.testing.assert_array_equal(more.gru.cell.recurrent_kernel, plain.gru.cell.recurrent_kernel)
    other = dataclasses.replace(FOUR_VIEWS, sample_rate=8000)
    with pytest.raises(ValueError, match="sample_rate=8000 and 44100"):
        begin_with(str(run), "bin_memory_unet", "tiny", other)
    run = write_run(tmp_path / "paper", "optimizer.total_steps=2", network=small_network(3, OrUnet))
    with pytest.raises(ValueError, match="with views="):
        begin_with(str(run), "or_unet", "tiny", StreamSpec(**{**FOUR_VIEWS.to_dict()}))
