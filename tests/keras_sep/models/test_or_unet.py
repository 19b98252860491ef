"""The paper's OR-U-Net; what every network has to do: test_networks.py."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from keras import layers, ops

from keras_sep.models import OrUnet
from keras_sep.models.layers.bands import BANDS_320
from keras_sep.models.layers.bin_memory import BinMemory
from keras_sep.spec import StreamSpec
from tests.support.networks import SMALL_SPEC, magnitude, masks_of, small_network
from tests.support.paths import ROOT


@pytest.mark.parametrize(("size", "millions"), [("s", 0.376), ("m", 1.245), ("l", 5.397)])
def test_sizes(size, millions):
    assert OrUnet(size).count_params() / 1e6 == pytest.approx(millions, abs=0.001)


def test_the_default_network_takes_the_default_spec():
    network = OrUnet("s")
    assert network.spec == StreamSpec()
    assert network.config.bands == BANDS_320
    assert network.bands.num_bands == 320
    assert [block.filters for block in network.down] == [16, 24, 32, 48, 64, 80]  # 320 → 5 positions
    assert network.expand.units == 5 * 24


def test_bands_that_cannot_be_halved_are_named():
    with pytest.raises(ValueError, match=r"OrUnet: 6 levels need a number of bands divisible by 64\. Received: 150"):
        OrUnet("m", StreamSpec(frame_length=960, frame_step=240, fft_length=960))


def test_a_configuration_whose_levels_do_not_match_is_refused():
    config = dataclasses.replace(OrUnet.SIZES["tiny"], decoder_channels=(10, 8))
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        OrUnet(config, SMALL_SPEC)


def test_its_gru_is_its_only_memory_and_nothing_in_it_is_ours():
    network = OrUnet("tiny", SMALL_SPEC)
    found = list(network._flatten_layers())
    assert [layer for layer in found if isinstance(layer, layers.RNN)] == [network.gru]
    assert not any(isinstance(layer, BinMemory) for layer in found)
    assert network.state_sizes == (network.config.gru_units,)


def test_the_pass_is_that_of_the_paper_s_figure():
    """Down along frequency, through the GRU, up with a skip connection at each level; frame by frame in NumPy."""
    network, x = small_network(7), magnitude(4)
    compressed = ops.convert_to_numpy(network.bands(x[0])) ** 0.25
    skips = [compressed]
    for block in network.down:
        skips.append(ops.convert_to_numpy(block(skips[-1])))
    squeezed = ops.convert_to_numpy(network.squeeze(skips[-1]))
    h, _ = network.gru(squeezed.reshape(1, 4, -1))
    y = ops.convert_to_numpy(network.expand(h)).reshape(4, 5, 6)
    for block, skip in zip(network.up, skips[:0:-1], strict=True):
        y = ops.convert_to_numpy(block(np.concatenate([y, skip], axis=-1)))
    masks = [1 / (1 + np.exp(-ops.convert_to_numpy(part))) for part in network.mask([y, skips[0]])]
    expected = [ops.convert_to_numpy(mask) for mask in network.bands.to_bins(masks)]
    for (name, mask), bins in zip(masks_of(network, x).items(), expected, strict=True):
        np.testing.assert_allclose(mask[0], bins, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("name", ["models/or_unet.py", "losses.py"])
def test_the_paper_s_files_are_short_and_without_what_is_ours(name):
    text = (ROOT / "keras_sep" / name).read_text(encoding="utf-8")
    assert text.count("\n") <= 150
    for ours in ("loudness", "bin_memory", "extra_losses", "compressed_spectrogram", "snr", "memory_level"):
        assert ours not in text, ours
