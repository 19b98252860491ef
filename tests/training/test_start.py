"""Training that begins with the weights of a preset or of a run."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest

from keras_sep.models import build_lstm, build_network, build_or_unet, load_network
from keras_sep.presets import ASSETS, DEFAULT_PRESET, get_preset
from keras_sep.spec import StreamSpec
from tests.support.networks import SMALL, SMALL_LSTM, SMALL_SPEC, magnitude, move_normalisation
from tests.support.paths import CONFIGS
from tests.support.runs import RATE, TINY_SPEC, manifest_row, options, tiny_config, write_run
from training.__main__ import main
from training.credits import credits_text
from training.evaluation.songs import heard_by_run, scored_songs
from training.runs import load_best
from training.start import heard_before, initialise, overrides_of, restore_normalisation
from training.stems import Song, Stem, StemPool, draw_share, hold_out
from training.train import train

PRESET = get_preset(DEFAULT_PRESET)
SPEC = StreamSpec(**TINY_SPEC)


def masks(model: keras.Model, x: np.ndarray, training: bool = False) -> np.ndarray:
    return np.stack([keras.ops.convert_to_numpy(mask) for mask in model(x, training=training).values()])


@pytest.mark.parametrize(
    "build", [lambda: build_or_unet(SMALL, SMALL_SPEC), lambda: build_lstm(SMALL_LSTM, SMALL_SPEC)]
)
def test_normalisation_comes_back_and_nothing_else_changes(build):
    network, x = build(), magnitude(12, batch=3)
    move_normalisation(network, seed=1)  # as after training
    other = 0.3 * magnitude(7, batch=2) ** 2
    in_training = masks(network, x, training=True)  # moves the statistics, too
    before, before_other = masks(network, x), masks(network, other)
    assert np.abs(in_training - before).max() > 1e-2  # they are those of other signals
    restore_normalisation(network, x)
    np.testing.assert_allclose(masks(network, x), before, atol=1e-5)
    np.testing.assert_allclose(masks(network, other), before_other, atol=1e-5)
    np.testing.assert_allclose(masks(network, x, training=True), before, atol=1e-3)


def test_options_without_weights_may_differ_from_where_it_begins(tmp_path):
    run = write_run(tmp_path / "run", "total_steps=2")
    begun, _ = load_best(run)
    network = build_or_unet("tiny", SPEC, levelled=True, sum_to_one=True)
    initialise(network, str(run), lambda: magnitude(4))
    for weight, other in zip(network.get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(build_lstm("tiny", SPEC), str(run), lambda: magnitude(4))


def test_memories_may_be_more_and_wider_than_where_it_begins(tmp_path):
    begun = build_network("or_unet_recurrent_skips", "tiny", SPEC)
    network = build_or_unet("tiny", SPEC, levelled=True, recurrent_skips=(2,), decoder_memories=(1, 2), memory_units=19)
    rng = np.random.default_rng(9)
    for weight in begun.get_layer("skip_memory_2").weights:  # as after training
        weight.assign(rng.standard_normal(weight.shape))
    run = write_run(tmp_path / "run", "total_steps=2", "architecture=or_unet_recurrent_skips", network=begun)
    initialise(network, str(run), lambda: magnitude(4))
    x = magnitude(9)
    np.testing.assert_allclose(masks(network, x), masks(begun, x), atol=1e-5)
    # What is new hears and can learn.
    assert np.abs(network.get_layer("skip_memory_2").gru.get_weights()[1][:, -1]).min() > 0
    for fewer in ((), (1,)):
        with pytest.raises(ValueError, match="init: expected the architecture and size"):
            initialise(build_or_unet("tiny", SPEC, recurrent_skips=fewer), str(run), lambda: magnitude(4))
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(build_or_unet("tiny", SPEC, recurrent_skips=(2,), memory_units=2), str(run), lambda: magnitude(4))


@pytest.mark.trains
@pytest.mark.whole_size
def test_a_preset_is_where_training_begins(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = ["segment_frames=8", "batch_size=2", "steps_per_epoch=1", "validation_segments=2", "total_steps=2"]
    options = [part for setting in (*settings, "warmup_steps=1", "learning_rate=1e-9") for part in ("--set", setting)]
    assert main(["train", "--init-preset", DEFAULT_PRESET, "--data", str(data), *options]) == 0
    run, x = tmp_path / "runs" / f"{DEFAULT_PRESET}-fine-tuned", magnitude(6, spec=PRESET.spec)
    begun = masks(load_network(run / "best.keras"), x)
    np.testing.assert_allclose(begun, masks(load_network(ASSETS / PRESET.network["file"]), x), atol=2e-2)
    config = json.loads((run / "config.json").read_text())
    assert (config["init"], config["init_sha256"]) == (DEFAULT_PRESET, PRESET.network["sha256"])
    # What the preset has heard, the run has heard.
    heard = heard_by_run(run, "test")
    assert set(PRESET.provenance["trained_on"]["train"]["songs"]) | {"train_one"} <= heard.songs
    assert set(PRESET.provenance["trained_on"]["train"]["stems"]) <= set(heard.stems)


@pytest.mark.trains
def test_a_run_remembers_what_was_heard_where_it_began(data, tmp_path):
    """A run that began with a preset is where another may begin."""
    begun = write_run(tmp_path / "first", "total_steps=2", manifest=heard_before(DEFAULT_PRESET))
    run = tmp_path / "second"
    config = str(CONFIGS / "or_unet.toml")
    settings = options("total_steps=2", f"init={begun}")
    assert main(["train", config, "--data", str(data), "--out", str(run), *settings]) == 0
    heard, before = heard_by_run(run, "test"), heard_by_run(begun, "test")
    assert before.songs >= set(PRESET.provenance["trained_on"]["train"]["songs"])
    assert heard.songs >= before.songs
    assert heard.stems >= before.stems
    with (
        pytest.raises(ValueError, match=r"the songs to score: .*train_one"),
        scored_songs(data, "train", RATE, heard=heard_by_run(run, "train")),
    ):
        pass


def test_a_configuration_that_is_not_there_is_named(data, tmp_path, capsys):
    config = tmp_path / "none.toml"
    assert main(["train", str(config), "--data", str(data), "--out", str(tmp_path / "run")]) == 1
    assert str(config) in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_it_heard_is_not_validated_on(data, tmp_path):
    heard = {"train": [manifest_row("train/songs/one/vocals.wav", song="valid_one")], "valid": []}
    first = write_run(tmp_path / "first", "total_steps=2", manifest=heard)
    with pytest.raises(ValueError, match=r"validation: .*valid_one"):
        train(tiny_config("total_steps=2", f"init={first}"), data, tmp_path / "second")
    assert not (tmp_path / "second" / "config.json").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["init=nothing"], "run folder with best.keras, or a preset .*Received: nothing"),
        ([f"init={DEFAULT_PRESET}"], "architecture and size of the configuration, or_unet with"),
    ],
)
def test_weights_that_do_not_fit_are_refused(data, tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        train(tiny_config("total_steps=2", *settings), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("setting", ["init={}", "teacher={}"])
def test_weights_of_another_sample_rate_are_refused(data, tmp_path, setting):
    teaches = setting.startswith("teacher")
    architecture = "architecture=unet" if teaches else "architecture=or_unet"
    other = write_run(tmp_path / "other", "spec.sample_rate=16000", architecture)
    more = ("num_taps=2", "compressed_weight=0.0") if teaches else ()
    with pytest.raises(ValueError, match=r"expected networks of one spec.*sample_rate=8000 and 16000"):
        train(tiny_config("total_steps=2", setting.format(other), *more), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_levelled_network_begins_with_the_weights_of_a_plain_one(tmp_path):
    run = write_run(tmp_path / "run", "total_steps=2")
    plain, network = load_network(run / "best.keras"), build_network("or_unet_levelled", "tiny", SPEC)
    initialise(network, str(run), lambda: magnitude(3))
    assert all(map(np.array_equal, network.get_weights(), plain.get_weights()))
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(build_or_unet(replace(SMALL, gru_units=13), SPEC, levelled=True), str(run), lambda: magnitude(3))
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(build_network("lstm", "tiny", SPEC), str(run), lambda: magnitude(3))


def test_an_unknown_preset_is_named(tmp_path, capsys):
    assert main(["train", "--init-preset", "best", "--data", str(tmp_path)]) == 1
    assert "--init-preset: expected one of" in capsys.readouterr().err
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 1
    assert "expected CONFIG.toml" in capsys.readouterr().err
    assert overrides_of(DEFAULT_PRESET)[0] == f"init={DEFAULT_PRESET}"


@pytest.mark.trains
def test_without_validation_songs_the_ends_are_held_out(data, tmp_path, capsys):
    own = tmp_path / "own"
    shutil.copytree(data / "train/songs/train_one", own / "train/songs/mine")
    assert train(tiny_config("total_steps=2"), own, tmp_path / "run")
    assert "the last fifth of each file is validated on" in capsys.readouterr().out
    # A run that held the same ends out may be begun with.
    assert train(tiny_config("total_steps=2", f"init={tmp_path / 'run'}"), own, tmp_path / "second")


def test_a_preset_that_heard_all_of_a_song_is_not_validated_on_its_end(data, tmp_path, capsys):
    own = tmp_path / "own"
    song = PRESET.provenance["trained_on"]["train"]["songs"][0]
    shutil.copytree(data / "train/songs/train_one", own / "train/songs" / song)
    arguments = ["--data", str(own), "--out", str(tmp_path / "run")]
    assert main(["train", "--init-preset", DEFAULT_PRESET, *arguments]) == 1
    assert "validation: 1 of the songs were trained on" in capsys.readouterr().err
    assert not (tmp_path / "run" / "config.json").exists()


def test_credits_name_the_weights_a_run_began_with(tmp_path):
    """The preset's licence binds, however free one's own recordings are."""
    (tmp_path / "manifest.csv").write_text("path,licence,licence_family,source\na.ogg,CC0,free,me\n")
    own = {"path": "a.ogg", "sha256": "1", "licence": "CC0", "song": "", "dataset": "folder"}
    for begun, terms in (([], "CC BY-SA 4.0"), (heard_before(DEFAULT_PRESET)["train"], "CC BY-NC-SA 4.0")):
        (tmp_path / "manifest.json").write_text(json.dumps({"train": [own, *begun], "valid": []}))
        text = credits_text(tmp_path, tmp_path, "mine")
        assert f"({terms})" in text
        assert text.count("- me: 1 file, CC0") == 1
        assert (f"- weights of the preset {DEFAULT_PRESET}, {PRESET.licence}" in text) == bool(begun)


def test_first_weights_that_heard_the_same_recordings_are_credited_by_them(tmp_path):
    (tmp_path / "manifest.csv").write_text("path,licence,licence_family,source\na.ogg,CC BY-NC 4.0,nc,me\n")
    own = {"path": "a.ogg", "sha256": "0123456789abcdef01", "licence": "CC BY-NC 4.0", "song": "a", "dataset": "folder"}
    begun = {"path": "", "sha256": "0123456789abcdef", "licence": "X", "song": "", "dataset": "preset b"}
    for other, credited in (({}, False), ({"sha256": "0123456789abcdee"}, True), ({"sha256": "", "song": "a"}, False)):
        (tmp_path / "manifest.json").write_text(json.dumps({"train": [own, begun | other], "valid": []}))
        text = credits_text(tmp_path, tmp_path, "mine")
        assert ("- weights of the preset b, X" in text) == credited
        assert "(CC BY-NC-SA 4.0)" in text


def test_onednn_is_on_unless_it_is_switched_off(tmp_path, monkeypatch):
    for before, after in ((None, "1"), ("0", "0")):
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        if before:
            monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", before)
        assert main(["compare", str(tmp_path)]) == 1
        assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == after


def test_hold_out_cuts_every_stem():
    vocals, music, voice = (
        Stem(kind, kind, np.arange(n, dtype=np.int16)[:, None]) for kind, n in zip("abc", (100, 100, 50), strict=True)
    )
    early, late = hold_out(StemPool([Song("song", vocals, music)], [voice]))
    for stem, first, second in zip((vocals, music, voice), early.stems(), late.stems(), strict=True):
        np.testing.assert_array_equal(np.concatenate([first.audio, second.audio]), stem.audio)
        assert len(second.audio) * 5 == len(stem.audio)


def test_a_share_is_part_of_a_larger_one():
    voices = [Stem(f"voice_{i}", "voice", np.zeros((1, 1), np.int16)) for i in range(10)]
    pool = StemPool([], voices)
    drawn = [{stem.path for stem in draw_share(pool, share).voices} for share in (0.05, 0.3, 0.75, 1.0)]
    assert [len(paths) for paths in drawn] == [1, 3, 8, 10]
    assert drawn[0] < drawn[1] < drawn[2] < drawn[3]
    assert draw_share(StemPool([], voices[::-1]), 0.3).voices == draw_share(pool, 0.3).voices
    assert draw_share(pool, 1.0).voices == voices  # in their order


@pytest.mark.trains
def test_frozen_normalisations_stay(data, tmp_path):
    begun = build_network("or_unet", "tiny", SPEC)
    move_normalisation(begun, seed=1)  # as after training
    first, second = write_run(tmp_path / "first", "total_steps=2", network=begun), tmp_path / "second"
    settings = ("total_steps=2", "learning_rate=0.01", "ema_momentum=0.0", f"init={first}")
    assert train(tiny_config(*settings, "freeze_normalisation=true"), data, second)
    before, after = (
        {weight.path: keras.ops.convert_to_numpy(weight) for weight in load_network(path).weights}
        for path in (first / "best.keras", second / "last.keras")
    )
    assert before.keys() == after.keys()
    for path, values in before.items():
        assert np.array_equal(values, after[path]) == ("norm" in path), path


def test_only_what_begins_with_weights_may_freeze_its_normalisations():
    with pytest.raises(ValueError, match="init must be a preset or a run"):
        tiny_config("total_steps=2", "freeze_normalisation=true")
