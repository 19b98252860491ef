from __future__ import annotations

from pathlib import Path

import pytest

from keras_sep import AudioError
from keras_sep.batch.template import DEFAULT, NameTemplate

FIELDS = {"name": "live/song", "stem": "vocals", "preset": "base", "suffix": "mp3"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEFAULT, "live/song/vocals"),
        ("{stem}/{name}", "vocals/live/song"),
        ("{name}.{suffix} ({stem}, {preset})", "live/song.mp3 (vocals, base)"),
        ("{{{stem}}}", "{vocals}"),
        ("./{name}-{stem}", "live/song-vocals"),
        ("karaoke", "karaoke"),
        ("...{stem}", "...vocals"),
    ],
)
def test_fields_are_filled_in(text, expected):
    assert NameTemplate(text).path(**FIELDS) == Path(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{song}", "with {song}"),
        ("{}", "with {}"),
        ("{0}", "with {0}"),
        ("{name.__class__}", "with {name.__class__}"),
        ("{name[0]}", "with {name[0]}"),
        ("{name!r}", "with {name!r}"),
        ("{name:>9}", "with {name:>9}"),
        ("{name:{stem}}", "with {name:{stem}}"),
        ("{name", "expected '}' before end of string"),
        ("name}", "Single '}'"),
    ],
)
def test_other_fields_are_refused(text, said):
    with pytest.raises(ValueError, match=r"expected a name with the fields \{name\}, \{stem\}, ") as error:
        NameTemplate(text)
    assert said in str(error.value)
    assert repr(text) in str(error.value)


@pytest.mark.parametrize(
    "text",
    ["../{stem}", "{name}/../../{stem}", "/{stem}", "C:{stem}", "C:\\{stem}", "a\\..\\{stem}", "{stem}/", "", "."],
)
def test_a_name_stays_below_the_output_folder(text):
    with pytest.raises(ValueError, match="expected a name below the output folder"):
        NameTemplate(text)


def test_a_field_does_not_lead_out_of_it_either():
    with pytest.raises(AudioError, match=r"expected a name below the output folder\. Received: '\{preset\}/x'"):
        NameTemplate("{preset}/x").path(**{**FIELDS, "preset": ".."})
