from __future__ import annotations

import dataclasses
import json

import pytest

from keras_sep.spec import StreamSpec


def test_defaults_are_the_documented_stream():
    spec = StreamSpec()
    assert spec.num_bins == 1025
    assert spec.views == ("left", "right")
    assert spec.num_views == 2
    assert spec.stem_delay == 2048 - 512
    assert spec.algorithmic_latency == 2048
    assert spec.algorithmic_latency_ms == pytest.approx(46.4, abs=0.05)


def test_json_round_trip():
    spec = StreamSpec(
        sample_rate=48000, num_channels=1, frame_length=960, frame_step=240, fft_length=1024, sources=("voice",)
    )
    assert StreamSpec.from_json(spec.to_json()) == spec
    assert StreamSpec.from_json(StreamSpec().to_json()) != spec
    four = StreamSpec(views=("left", "right", "mid", "side"))
    assert StreamSpec.from_json(four.to_json()) == four != StreamSpec()


@pytest.mark.parametrize(
    ("num_channels", "views"),
    [(1, ("mono",)), (2, ("left", "right")), (3, ("channel_1", "channel_2", "channel_3"))],
)
def test_a_network_sees_the_channels_unless_the_spec_says_more(num_channels, views):
    spec = StreamSpec(num_channels=num_channels)
    assert spec.views == views
    assert spec.num_views == num_channels
    assert StreamSpec(num_channels=num_channels, views=views) == spec


def test_mid_and_side_are_two_views_more():
    spec = StreamSpec(views=["left", "right", "mid", "side"])
    assert spec.views == ("left", "right", "mid", "side")
    assert (spec.num_views, spec.num_channels) == (4, 2)


def test_the_first_release_s_json_has_no_views():
    fields = json.loads(StreamSpec().to_json())
    del fields["views"]
    spec = StreamSpec.from_json(json.dumps(fields))
    assert spec == StreamSpec()
    assert spec.views == ("left", "right")
    assert StreamSpec.from_dict({**fields, "num_channels": 1}).views == ("mono",)


@pytest.mark.parametrize(
    ("num_channels", "views"),
    [
        (2, ("left",)),
        (2, ("right", "left")),
        (2, ("left", "right", "side", "mid")),
        (2, ("left", "right", "mid")),
        (2, ("mid", "side")),
        (2, ("left", "right", "difference")),
        (2, ()),
        (1, ("left",)),
        (1, ("mono", "mid", "side")),
        (3, ("left", "right")),
    ],
)
def test_other_views_are_refused(num_channels, views):
    with pytest.raises(ValueError, match=r"StreamSpec: views must be one of \(.*Received: views="):
        StreamSpec(num_channels=num_channels, views=views)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample_rate", 0),
        ("sample_rate", 44100.0),
        ("num_channels", True),
        ("frame_length", 2047),
        ("frame_step", 500),  # does not divide 2048
        ("frame_step", 1024),  # squared Hann windows do not add up
        ("fft_length", 1024),
        ("window", "hamming"),
        ("sources", ("vocals", "vocals")),
        ("sources", ()),
    ],
)
def test_a_bad_field_is_named_with_its_value(field, value):
    with pytest.raises(ValueError, match=f"{field}.*Received: {field}="):
        dataclasses.replace(StreamSpec(), **{field: value})


@pytest.mark.parametrize("text", ["", "[]", '{"sample_rate": 44100}', StreamSpec().to_json()[:-1] + ', "extra": 1}'])
def test_foreign_json_is_refused(text):
    with pytest.raises(ValueError, match="StreamSpec: expected"):
        StreamSpec.from_json(text)
