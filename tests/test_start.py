"""Training that begins with the weights of a preset or of a run."""

from __future__ import annotations

import json
import os
import shutil

import keras
import numpy as np
import pytest

from keras_sep.models import build_lstm, build_network, build_or_unet, load_network
from keras_sep.presets import ASSETS, DEFAULT_PRESET, get_preset
from keras_sep.spec import StreamSpec
from tests.test_lstm import SMALL_LSTM
from tests.test_or_unet import SMALL, SMALL_SPEC, magnitude
from tests.test_training import RATE, _command, _config, data  # noqa: F401  # a fixture
from training import start
from training.__main__ import main
from training.credits import credits_text
from training.evaluation.songs import heard_by_run, scored_songs
from training.start import heard_before, initialise, overrides_of, restore_normalisation
from training.stems import Song, Stem, StemPool, draw_share, hold_out
from training.train import train

PRESET = get_preset(DEFAULT_PRESET)


def masks(model: keras.Model, x: np.ndarray, training: bool = False) -> np.ndarray:
    return np.stack([keras.ops.convert_to_numpy(mask) for mask in model(x, training=training).values()])


@pytest.mark.parametrize(
    "build", [lambda: build_or_unet(SMALL, SMALL_SPEC), lambda: build_lstm(SMALL_LSTM, SMALL_SPEC)]
)
def test_normalisation_comes_back_and_nothing_else_changes(build):
    network, x = build(), magnitude(12, batch=3)
    rng = np.random.default_rng(1)
    for weight in network.weights:  # as after training
        if "norm" in weight.path:
            weight.assign(weight + rng.uniform(0, 0.5, weight.shape))
    other = 0.3 * magnitude(7, batch=2) ** 2
    in_training = masks(network, x, training=True)  # moves the statistics, too
    before, before_other = masks(network, x), masks(network, other)
    assert np.abs(in_training - before).max() > 1e-2  # they are those of other signals
    restore_normalisation(network, x)
    np.testing.assert_allclose(masks(network, x), before, atol=1e-5)
    np.testing.assert_allclose(masks(network, other), before_other, atol=1e-5)
    np.testing.assert_allclose(masks(network, x, training=True), before, atol=1e-3)


def test_options_without_weights_may_differ_from_where_it_begins(monkeypatch):
    begun, network = build_or_unet(SMALL, SMALL_SPEC), build_or_unet(SMALL, SMALL_SPEC, levelled=True, sum_to_one=True)
    monkeypatch.setattr(start, "load_init", lambda init: begun)
    initialise(network, "a run", lambda: magnitude(4))
    for weight, other in zip(network.get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(build_lstm(SMALL_LSTM, SMALL_SPEC), "a run", lambda: magnitude(4))


def test_memories_may_be_more_and_wider_than_where_it_begins(monkeypatch):
    keras.utils.set_random_seed(9)
    begun = build_or_unet(SMALL, SMALL_SPEC, levelled=True, recurrent_skips=(2,))
    network = build_or_unet(
        SMALL, SMALL_SPEC, levelled=True, recurrent_skips=(2,), decoder_memories=(1, 2), memory_units=19
    )
    rng = np.random.default_rng(9)
    for weight in begun.get_layer("skip_memory_2").weights:  # as after training
        weight.assign(rng.standard_normal(weight.shape))
    monkeypatch.setattr(start, "load_init", lambda init: begun)
    initialise(network, "a run", lambda: magnitude(4))
    x = magnitude(9)
    np.testing.assert_allclose(masks(network, x), masks(begun, x), atol=1e-5)
    # What is new hears and can learn.
    assert np.abs(network.get_layer("skip_memory_2").gru.get_weights()[1][:, -1]).min() > 0
    for fewer in ((), (1,)):
        with pytest.raises(ValueError, match="init: expected the architecture and size"):
            initialise(build_or_unet(SMALL, SMALL_SPEC, recurrent_skips=fewer), "a run", lambda: magnitude(4))
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(
            build_or_unet(SMALL, SMALL_SPEC, recurrent_skips=(2,), memory_units=2), "a run", lambda: magnitude(4)
        )


def test_a_preset_is_where_training_begins(data, tmp_path, monkeypatch):  # noqa: F811
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
    # A run may begin with that run, and remembers all of it.
    begin = (*settings, "warmup_steps=1", f"init={run}", f"architecture={config['architecture']}")
    options = [part for setting in begin for part in ("--set", setting)]
    assert main(["train", "training/configs/or_unet.toml", "--data", str(data), "--out", "second", *options]) == 1
    config_file = str(_command(data, run)[4])
    assert main(["train", config_file, "--data", str(data), "--out", "second", *options]) == 0
    assert heard_by_run(tmp_path / "second", "test").songs >= heard.songs
    with (
        pytest.raises(ValueError, match=r"the songs to score: .*train_one"),
        scored_songs(data, "train", RATE, heard=heard_by_run(tmp_path / "second", "train")),
    ):
        pass


def test_what_it_heard_is_not_validated_on(data, tmp_path):  # noqa: F811
    first, swapped = tmp_path / "first", tmp_path / "data"
    assert train(_config("total_steps=2"), data, first)
    swapped.mkdir()
    for split, other in (("train", "valid"), ("valid", "train")):
        (swapped / split).symlink_to(data / other)
    with pytest.raises(ValueError, match=r"validation: .*train_one"):
        train(_config("total_steps=2", f"init={first}"), swapped, tmp_path / "second")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["init=nothing"], "run folder with best.keras, or a preset .*Received: nothing"),
        ([f"init={DEFAULT_PRESET}"], "architecture and size of the configuration, or_unet with"),
    ],
)
def test_weights_that_do_not_fit_are_refused(data, tmp_path, settings, message):  # noqa: F811
    with pytest.raises(ValueError, match=message):
        train(_config("total_steps=2", *settings), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_levelled_network_begins_with_the_weights_of_a_plain_one(tmp_path):
    plain, network = build_network("or_unet", "s"), build_network("or_unet_levelled", "s")
    plain.save(tmp_path / "best.keras")
    config = {"architecture": "or_unet", "size": "s", "spec": StreamSpec().to_dict()}
    (tmp_path / "config.json").write_text(json.dumps(config))
    x = magnitude(3, spec=StreamSpec())
    initialise(network, str(tmp_path), lambda: x)
    assert all(map(np.array_equal, network.get_weights(), plain.get_weights()))
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(build_network("or_unet_levelled", "m"), str(tmp_path), lambda: x)
    with pytest.raises(ValueError, match="init: expected the architecture and size"):
        initialise(build_network("lstm", "s"), str(tmp_path), lambda: x)


def test_an_unknown_preset_is_named(tmp_path, capsys):
    assert main(["train", "--init-preset", "best", "--data", str(tmp_path)]) == 1
    assert "--init-preset: expected one of" in capsys.readouterr().err
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 1
    assert "expected CONFIG.toml" in capsys.readouterr().err
    assert overrides_of(DEFAULT_PRESET)[0] == f"init={DEFAULT_PRESET}"


def test_without_validation_songs_the_ends_are_held_out(data, tmp_path, capsys):  # noqa: F811
    own = tmp_path / "own"
    shutil.copytree(data / "train/songs/train_one", own / "train/songs/mine")
    assert train(_config("total_steps=2"), own, tmp_path / "run")
    assert "the last fifth of each file is validated on" in capsys.readouterr().out
    # A run that held the same ends out may be begun with, a preset that heard all of the song not.
    assert train(_config("total_steps=2", f"init={tmp_path / 'run'}"), own, tmp_path / "second")
    (own / "train/songs/mine").rename(own / f"train/songs/{PRESET.provenance['trained_on']['train']['songs'][0]}")
    options = ["--data", str(own), "--out", str(tmp_path / "third")]
    assert main(["train", "--init-preset", DEFAULT_PRESET, *options]) == 1
    assert "validation: 1 of the songs were trained on" in capsys.readouterr().err
    assert not (tmp_path / "third" / "config.json").exists()


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


def test_frozen_normalisations_stay(data, tmp_path):  # noqa: F811
    first, second = tmp_path / "first", tmp_path / "second"
    assert train(_config("total_steps=2"), data, first)
    settings = ("total_steps=2", "learning_rate=0.01", "ema_momentum=0.0", f"init={first}")
    assert train(_config(*settings, "freeze_normalisation=true"), data, second)
    before, after = (
        {weight.path: keras.ops.convert_to_numpy(weight) for weight in load_network(run / "last.keras").weights}
        for run in (first, second)
    )
    best = {w.path: keras.ops.convert_to_numpy(w) for w in load_network(first / "best.keras").weights}
    assert before.keys() == after.keys()
    for path, values in best.items():
        assert np.array_equal(values, after[path]) == ("norm" in path), path
    with pytest.raises(ValueError, match="init must be a preset or a run"):
        _config("total_steps=2", "freeze_normalisation=true")
