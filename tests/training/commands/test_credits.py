from __future__ import annotations

import json
from pathlib import Path

import pytest

from keras_sep.presets import DEFAULT_PRESET, get_preset
from tests.support.runs import manifest_row
from training.__main__ import main
from training.commands.credits import credits_text
from training.data.datasets.track import Source, label
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


def test_the_files_of_a_sum_are_credited_each(tmp_path):
    """By the label that a run records for an accompaniment in parts."""
    files = [Path("train/songs/s") / name for name in ("bass.wav", "drums.flac", "other.wav")]
    path = label([Source(tmp_path / file) for file in files], tmp_path)
    names = [*map(str, files), "train/voices/a+b.wav"]
    lines = [f"{name},CC{number},free,me\n" for number, name in enumerate(names)]
    (tmp_path / "manifest.csv").write_text("path,licence,licence_family,source\n" + "".join(lines))
    rows = [manifest_row(path=path), manifest_row(path="train/voices/a+b.wav")]
    (tmp_path / "manifest.json").write_text(json.dumps({"train": rows, "valid": []}))
    text = credits_text(tmp_path, tmp_path, "mine")
    assert [f"- me: 1 file, CC{number}\n" in text for number in range(4)] == [True] * 4
    (tmp_path / "manifest.csv").write_text("path,licence,licence_family,source\n" + "".join(lines[1:]))
    with pytest.raises(ValueError, match=r"expected 1 more files\. First: train/songs/s/bass\.wav"):
        credits_text(tmp_path, tmp_path, "mine")


def test_a_manifest_of_a_spreadsheet(tmp_path):
    """A byte order mark is skipped, a source is optional, and other columns are named."""
    row = {"path": "a.ogg", "sha256": "1", "licence": "CC0", "song": "", "dataset": "folder"}
    (tmp_path / "manifest.json").write_text(json.dumps({"train": [row], "valid": []}))
    file = tmp_path / "manifest.csv"
    file.write_text("path,licence,licence_family\na.ogg,CC0,free\n", encoding="utf-8-sig")
    assert "- source not stated: 1 file, CC0" in credits_text(tmp_path, tmp_path, "mine")
    for content, message in (
        (b"path,licence\na.ogg,CC0\n", r"with licence_family among them\. Received: path, licence$"),
        (b"path;licence;licence_family\n", r"separated by commas, .*Received: path;licence;licence_family$"),
        (b"", "Received: none$"),
        ("path,licence,licence_family\né.ogg,CC0,free".encode("latin-1"), "expected UTF-8"),
    ):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=rf"manifest\.csv: .*{message}"):
            credits_text(tmp_path, tmp_path, "mine")


def test_a_folder_that_is_no_run_is_named(tmp_path, capsys):
    assert main(["credits", str(tmp_path), "--data", str(tmp_path), "--name", "mine"]) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path}/manifest.json: expected the manifest of a run.")
