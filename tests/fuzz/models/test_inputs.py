"""Model files with any metadata: what was found is refused in one line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fuzz.models.inputs import MODEL, beginnings, with_metadata
from keras_sep import ModelFileError, Separator, StreamSpec
from keras_sep.metadata import BLANK_DIGEST, read_metadata

(INTACT,) = beginnings("metadata")


def changed(**fields: Any) -> bytes:
    return json.dumps({**json.loads(INTACT), **fields}).encode("utf-8", "surrogatepass")


def spec(**fields: Any) -> dict[str, Any]:
    return {**json.loads(INTACT)["spec"], **fields}


def test_an_intact_file_with_other_metadata_is_intact(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(with_metadata(MODEL.read_bytes(), changed(name="another")))
    assert read_metadata(path.read_bytes())["name"] == "another"
    assert Separator(model=path).spec == Separator(model=MODEL).spec


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"format": ' + b"9" * 5000 + b"}", "its metadata is not JSON"),
        (b"[" * 100_000, "its metadata is not JSON"),
        (b"\xff", "its metadata is not JSON"),
        (b"5", "one without its spec"),
        (changed(sha256="\ud800" * 64), "its SHA-256 is not the one it carries"),
        (changed(sha256=None), "its SHA-256 is not the one it carries"),
        (changed(graph=["mask"]), "expected the graph mask or waveform. Received: ['mask']"),
        (changed(graph="masks"), "expected the graph mask or waveform. Received: 'masks'"),
        (changed(spec=5), "unusable metadata: StreamSpec: expected the fields"),
        (changed(spec=spec(num_channels=10**12)), "num_channels must be from 1 to 64. Received: num_channels=10000"),
        (changed(spec=spec(sources=5)), "sources must be a list of names. Received: sources=5"),
        (changed(spec=spec(sources="vocals")), "sources must be a list of names. Received: sources='vocals'"),
        (changed(spec=spec(sources=[["vocals"]])), "sources must be a list of names"),
        (changed(spec=spec(views=5)), "views must be a list of names. Received: views=5"),
        (changed(spec=spec(fft_length=4096)), "expected a float32 tensor 'magnitude'"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)
def test_metadata_that_cannot_be_used_is_one_line(tmp_path, text, expected):
    path = tmp_path / "model.tflite"
    path.write_bytes(with_metadata(MODEL.read_bytes(), text))
    with pytest.raises(ModelFileError) as error:
        Separator(model=path)
    (line,) = str(error.value).splitlines()
    assert line.startswith(f"{path}: ")
    assert expected in line


@pytest.mark.parametrize("text", ["9" * 5000, "[" * 100_000])
def test_a_spec_that_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"StreamSpec: expected JSON\. Received: '"):
        StreamSpec.from_json(text)


def test_a_blank_digest_becomes_the_files_own():
    content = with_metadata(MODEL.read_bytes(), INTACT)
    assert BLANK_DIGEST.encode() not in content
    assert read_metadata(content)["sha256"] != read_metadata(MODEL.read_bytes())["sha256"]
