from __future__ import annotations

import dataclasses

import pytest

from keras_sep.spec import StreamSpec


def test_defaults_are_the_documented_stream():
    spec = StreamSpec()
    assert spec.num_bins == 1025
    assert spec.algorithmic_latency == 2048
    assert spec.algorithmic_latency_ms == pytest.approx(46.4, abs=0.05)


def test_json_round_trip():
    spec = StreamSpec(
        sample_rate=48000, num_channels=1, frame_length=960, frame_step=240, fft_length=1024, sources=("voice",)
    )
    assert StreamSpec.from_json(spec.to_json()) == spec
    assert StreamSpec.from_json(StreamSpec().to_json()) != spec


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
