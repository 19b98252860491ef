from __future__ import annotations

import itertools

import numpy as np
import pytest
from keras import ops

from keras_sep.models.layers.bands import BANDS_320, EVERY_BIN, Bands

PLANS = {"320 bands": BANDS_320, "every bin": EVERY_BIN, "pairs": (("1", 2),), "two": (("3/4", 1), ("1/4", 4))}


def edges(num_bins: int, plan: tuple[tuple[str, int], ...]) -> list[int]:
    """First bin of each band, and the end of the last, counted by hand."""
    found = [0]
    for share, width in plan:
        numerator, denominator = (int(n) for n in [*share.split("/"), 1][:2])
        found += [found[-1] + width * (i + 1) for i in range(numerator * (num_bins - 1) // denominator // width)]
    return found


def magnitude(num_bins: int) -> np.ndarray:
    return np.random.default_rng(1).uniform(0, 1, (3, num_bins, 2)).astype(np.float32)


def test_the_default_plan_is_320_bands_of_1024_bins():
    bands = Bands(1025)
    assert bands.num_bands == 320
    widths = np.diff(edges(1025, BANDS_320))
    assert [int(np.sum(widths == width)) for width in (1, 2, 10)] == [128, 128, 64]
    hz = np.array(edges(1025, BANDS_320)) * 44100 / 2048
    assert hz[128] == pytest.approx(2756, abs=1)
    assert hz[256] == pytest.approx(8269, abs=1)
    assert hz[-1] == 22050
    assert Bands(1025, EVERY_BIN).num_bands == 1024
    assert Bands(2049).num_bands == 640  # a longer frame has as many more


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("num_bins", [129, 1025])
def test_a_band_is_the_average_of_its_bins(num_bins, plan):
    bands, x, at = Bands(num_bins, plan), magnitude(num_bins), edges(num_bins, plan)
    expected = np.stack([x[:, a:b].mean(axis=1) for a, b in itertools.pairwise(at)], axis=1)
    found = ops.convert_to_numpy(bands(x))
    assert found.shape == bands.compute_output_shape(x.shape) == (3, bands.num_bands, 2)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(np.roll(found, 1, axis=1) - expected).max() > 0.1  # negative control: a shifted band is seen


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_last_bin_is_in_no_band_and_takes_its_neighbour_s_mask(plan):
    bands, x = Bands(129, plan), magnitude(129)
    changed = x.copy()
    changed[:, -1] += 1
    np.testing.assert_array_equal(bands(changed), bands(x))
    mask = ops.convert_to_numpy(bands.to_bins([bands(x)])[0])
    np.testing.assert_array_equal(mask[:, -1], mask[:, -2])


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("num_bins", [129, 1025])
def test_a_mask_holds_for_all_bins_of_its_band(num_bins, plan):
    bands, at = Bands(num_bins, plan), edges(num_bins, plan)
    mask = np.random.default_rng(2).uniform(0, 1, (3, bands.num_bands, 4)).astype(np.float32)
    found = ops.convert_to_numpy(bands.to_bins([mask])[0])
    assert found.shape == (3, num_bins, 4)
    for band, (a, b) in enumerate(itertools.pairwise(at)):
        np.testing.assert_array_equal(found[:, a:b], np.repeat(mask[:, band : band + 1], b - a, axis=1))


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_to_bins_undoes_the_average_of_what_is_constant_within_bands(plan):
    bands = Bands(129, plan)
    mask = np.random.default_rng(3).uniform(0, 1, (3, bands.num_bands, 2)).astype(np.float32)
    np.testing.assert_allclose(bands(bands.to_bins([mask])[0]), mask, atol=1e-6)


def test_it_has_no_weights_and_its_configuration_describes_it():
    bands = Bands(129, PLANS["two"], dc_bins=2)
    assert not bands.weights
    copy = Bands.from_config(bands.get_config())
    assert (copy.num_bins, copy.plan, copy.dc_bins, copy.num_bands) == (129, PLANS["two"], 2, 96 + 8)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_the_bins_of_a_dc_offset_are_not_seen_and_belong_to_the_last_source(plan):
    bands, x = Bands(129, plan, dc_bins=2), magnitude(129)
    changed = x.copy()
    changed[:, :2] += 1
    np.testing.assert_array_equal(bands(changed), bands(x))
    changed[:, 2] += 1
    assert np.abs(bands(changed) - bands(x)).max() > 0.4  # negative control: the next bin is seen
    mask = np.full((3, bands.num_bands, 2), 0.25, np.float32)
    vocals, accompaniment = (ops.convert_to_numpy(m) for m in bands.to_bins([mask, mask]))
    np.testing.assert_array_equal(vocals[:, :2], 0)
    np.testing.assert_array_equal(accompaniment[:, :2], 1)
    np.testing.assert_array_equal(vocals[:, 2:], 0.25)
    np.testing.assert_array_equal(accompaniment[:, 2:], 0.25)


@pytest.mark.parametrize(
    ("num_bins", "plan", "message"),
    [
        (101, BANDS_320, r"1/8 of num_bins - 1 must be a multiple of 1\. Received: num_bins=101"),
        (121, BANDS_320, r"5/8 of num_bins - 1 must be a multiple of 10\. Received: num_bins=121"),
        (129, (("1/2", 1), ("1/2", 3)), r"1/2 of num_bins - 1 must be a multiple of 3\. Received: num_bins=129"),
        (129, (("0", 1), ("1", 1)), r"0 of num_bins - 1 must be a multiple of 1"),
        (129, (("1/2", 1), ("1/4", 2)), r"expected shares that sum to 1\. Received: .*'1/4', 2"),
        (129, (("1/2", 1), ("1", 2)), r"expected shares that sum to 1"),
        (129, (), r"expected shares that sum to 1\. Received: \(\)"),
    ],
)
def test_bins_that_cannot_be_shared_out_are_refused(num_bins, plan, message):
    with pytest.raises(ValueError, match=f"Bands: {message}"):
        Bands(num_bins, plan)


def test_bins_of_a_dc_offset_beyond_the_first_share_are_refused():
    with pytest.raises(ValueError, match=r"Bands: expected dc_bins within the first share\. Received: 97"):
        Bands(129, PLANS["two"], dc_bins=97)
