from __future__ import annotations

import json

import pytest

from keras_sep.presets import DEFAULT_PRESET, get_preset
from training.__main__ import main
from training.commands.credits import credits_text
from training.engine.warm_start import exposure_of

PRESET = get_preset(DEFAULT_PRESET)


def test_credits_name_the_weights_a_run_began_with(tmp_path):
    """The preset's licence binds, however free one's own recordings are."""
    (tmp_path / "manifest.csv").write_text("path,licence,licence_family,source\na.ogg,CC0,free,me\n")
    own = {"path": "a.ogg", "sha256": "1", "licence": "CC0", "song": "", "dataset": "folder"}
    for begun, terms in (([], "CC BY-SA 4.0"), (exposure_of(DEFAULT_PRESET).train, "CC BY-NC-SA 4.0")):
        (tmp_path / "manifest.json").write_text(json.dumps({"train": [own, *begun], "valid": []}))
        text = credits_text(tmp_path, tmp_path, "mine")
        assert f"({terms})" in text
        assert text.count("- me: 1 file, CC0") == 1
        assert (f"- weights of the preset {DEFAULT_PRESET}, {PRESET.licence}" in text) == bool(begun)


def test_first_weights_that_know_the_same_recordings_are_credited_by_them(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,licence,licence_family,source\na.ogg,CC BY-NC 4.0,nc,me\n")
    own = {"path": "a.ogg", "sha256": "0123456789abcdef01", "licence": "CC BY-NC 4.0", "song": "a", "dataset": "folder"}
    begun = {"path": "", "sha256": "0123456789abcdef", "licence": "X", "song": "", "dataset": "preset b"}
    for other, credited in (({}, False), ({"sha256": "0123456789abcdee"}, True), ({"sha256": "", "song": "a"}, False)):
        (tmp_path / "manifest.json").write_text(json.dumps({"train": [own, begun | other], "valid": []}))
        text = credits_text(tmp_path, tmp_path, "mine")
        assert ("- weights of the preset b, X" in text) == credited
        assert "(CC BY-NC-SA 4.0)" in text


def test_recordings_without_credits_are_named(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,licence,licence_family,source\na.ogg,CC0,free,me\n")
    row = {"path": "b.ogg", "sha256": "1", "licence": "CC0", "song": "", "dataset": "folder"}
    (tmp_path / "manifest.json").write_text(json.dumps({"train": [row], "valid": []}))
    with pytest.raises(ValueError, match=r"manifest.csv: expected 1 more files. First: b\.ogg"):
        credits_text(tmp_path, tmp_path, "mine")


def test_a_folder_that_is_no_run_is_named(tmp_path, capsys):
    assert main(["credits", str(tmp_path), "--data", str(tmp_path), "--name", "mine"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/manifest.json: expected the manifest of a run.")
