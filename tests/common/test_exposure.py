"""What weights were trained on: from a run, from provenance, from a preset."""

from __future__ import annotations

import json

import pytest

from common.exposure import DIGITS, SPLITS, TrainingExposure, splits_exposed
from keras_sep.presets import get_preset, presets
from tests.support.runs import manifest_row, write_run

ONE = manifest_row("train/songs/one/vocals.wav", song="one")
TWO = manifest_row("train/voices/two.wav")
THREE = manifest_row("valid/songs/three/vocals.wav", song="three")
EXPOSURE = TrainingExposure([ONE, TWO], [THREE])


def test_a_run_says_what_it_was_trained_on(tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=2", manifest=EXPOSURE.to_dict())
    assert TrainingExposure.of_run(run) == EXPOSURE


def test_songs_and_stems_are_told_by_split():
    assert EXPOSURE.songs() == {"one", "three"}
    assert EXPOSURE.songs(["train"]) == {"one"}
    assert EXPOSURE.stems(["train"]) == {ONE["sha256"][:DIGITS], TWO["sha256"][:DIGITS]}
    assert EXPOSURE.stems() - EXPOSURE.stems(["train"]) == {THREE["sha256"][:DIGITS]}
    assert EXPOSURE.rows(["valid"]) == [THREE]


def test_provenance_keeps_songs_and_stems():
    said = EXPOSURE.to_provenance()
    assert json.loads(json.dumps(said)) == said
    found = TrainingExposure.of_provenance(said, licence="CC0")
    for split in SPLITS:
        assert found.songs([split]) == EXPOSURE.songs([split])
        assert found.stems([split]) == EXPOSURE.stems([split])
    assert {row["licence"] for row in found.rows()} == {"CC0"}
    assert {row["path"] for row in found.rows()} == {""}


def test_both_is_each_row_once():
    other = TrainingExposure([TWO], [ONE])
    both = EXPOSURE | other
    assert both == TrainingExposure([ONE, TWO], [THREE, ONE])
    assert (both | both) == both
    assert (EXPOSURE, other) == (TrainingExposure([ONE, TWO], [THREE]), TrainingExposure([TWO], [ONE]))  # unchanged
    assert TrainingExposure() | EXPOSURE == EXPOSURE


@pytest.mark.parametrize("name", presets())
def test_a_preset_says_what_it_was_trained_on(name):
    preset = get_preset(name)
    exposure = TrainingExposure.of_preset(preset)
    assert exposure.songs(["train"]) == set(preset.provenance["trained_on"]["train"]["songs"])
    assert exposure.stems() >= set(preset.provenance["trained_on"]["valid"]["stems"])
    assert {row["licence"] for row in exposure.rows()} == {preset.licence}
    assert {row["dataset"] for row in exposure.rows()} == {f"preset {name}"}


def test_what_a_row_does_not_say_is_unknown(tmp_path):
    rows = [{"path": "x.wav", "sha256": "1"}, {"song": "A"}]
    (tmp_path / "manifest.json").write_text(json.dumps({"train": rows, "valid": []}))
    exposure = TrainingExposure.of_run(tmp_path)
    assert (exposure.songs(), exposure.stems()) == ({"A"}, {"1"})
    assert exposure.train[0] == {"path": "x.wav", "sha256": "1", "licence": "", "song": "", "dataset": ""}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"train": []}', '{"train": 1, "valid": []}', '{"train": [1], "valid": []}']
)
def test_what_is_no_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ValueError, match=r"manifest\.json: expected the manifest of a run"):
        TrainingExposure.of_run(tmp_path)
    with pytest.raises(ValueError, match=r"none.manifest\.json: expected the manifest of a run"):
        TrainingExposure.of_run(tmp_path / "none")


def test_validation_songs_may_be_scored_as_such():
    assert splits_exposed("valid") == ("train",)
    assert splits_exposed("test") == splits_exposed("train") == SPLITS
