"""Training that begins with the weights of a preset or of a run."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import keras
import numpy as np
import pytest

from common.exposure import TrainingExposure
from common.runs import load_best
from keras_sep.models import BinMemoryUnet, Lstm, OrUnet, build_network, load_network
from keras_sep.presets import DEFAULT_PRESET, get_preset, presets
from keras_sep.spec import StreamSpec
from keras_sep.store import ASSETS
from tests.support.networks import every_bin, magnitude, masks_of, move_normalisation, small_network
from tests.support.paths import CONFIGS
from tests.support.runs import RATE, TINY_SPEC, manifest_row, options, settings, tiny_config, write_run
from training.__main__ import main
from training.engine.build import build_separation
from training.engine.config import TrainConfig
from training.engine.training_run import train
from training.engine.warm_start import begin_with, exposure_of, init_facts, overrides_of, restore_normalisation
from training.evaluation.songs import scored_songs

PRESET = get_preset(DEFAULT_PRESET)
SPEC = StreamSpec(**TINY_SPEC)
MEMORIES = ("model.architecture=bin_memory_unet",)


def masks(model: keras.Model, x: np.ndarray, training: bool = False) -> np.ndarray:
    return np.stack(list(masks_of(model, x, training).values()))


@pytest.mark.parametrize("kind", [OrUnet, BinMemoryUnet, Lstm])
def test_normalisation_comes_back_and_nothing_else_changes(kind):
    network, x = small_network(1, kind), magnitude(12, batch=3)
    other = 0.3 * magnitude(7, batch=2) ** 2
    in_training = masks(network, x, training=True)  # moves the statistics, too
    before, before_other = masks(network, x), masks(network, other)
    assert np.abs(in_training - before).max() > 1e-2  # they are those of other signals
    restore_normalisation(network, x)
    np.testing.assert_allclose(masks(network, x), before, atol=1e-5)
    np.testing.assert_allclose(masks(network, other), before_other, atol=1e-5)
    np.testing.assert_allclose(masks(network, x, training=True), before, atol=1e-3)


def test_training_begins_with_the_very_network(tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=2", *MEMORIES)
    begun = load_best(run)
    model = build_separation(tiny_config("optimizer.total_steps=2", f"model.init={run}", *MEMORIES))
    assert type(model.network) is BinMemoryUnet
    for weight, other in zip(model.network.get_weights(), begun.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    # Negative control: without it, they are others.
    plain = build_separation(tiny_config("optimizer.total_steps=2", *MEMORIES)).network
    assert not np.array_equal(plain.expand.get_weights()[0], begun.expand.get_weights()[0])


def test_it_may_have_other_sizes_than_any_that_has_a_name(tmp_path):
    """As a network of the first release has, which sees every bin."""
    first = every_bin(BinMemoryUnet, SPEC)
    odd = BinMemoryUnet(dataclasses.replace(first.config, gru_units=13), SPEC)
    run = write_run(tmp_path / "run", "optimizer.total_steps=2", *MEMORIES, network=odd)
    # Whatever size the configuration says.
    config = tiny_config("optimizer.total_steps=2", f"model.init={run}", *MEMORIES, "model.size=m")
    network = build_separation(config).network
    assert network.config == odd.config
    assert network.config not in BinMemoryUnet.SIZES.values()
    np.testing.assert_array_equal(masks(network, magnitude(4)), masks(odd, magnitude(4)))


def test_another_architecture_is_refused(tmp_path):
    run = write_run(tmp_path / "run", "optimizer.total_steps=2")
    assert type(begin_with(str(run), "or_unet", "tiny", SPEC)) is OrUnet
    for name in ("bin_memory_unet", "lstm"):
        message = f"init: expected the architecture of the configuration, {name}. Received: .*run, or_unet$"
        with pytest.raises(ValueError, match=message):
            begin_with(str(run), name, "tiny", SPEC)


def test_what_a_preset_sets_is_a_configuration():
    found = overrides_of(DEFAULT_PRESET)
    assert found[0] == f"model.init={DEFAULT_PRESET}"
    config = TrainConfig.load(CONFIGS / "shipped" / "fine_tune.toml", found)
    assert config.model.architecture == PRESET.provenance["model"]["architecture"]
    assert config.model.size == PRESET.provenance["model"]["size"]
    assert config.spec == PRESET.spec


def test_a_preset_sets_what_it_sees_of_the_mixture(monkeypatch):
    """Whatever the configuration sees."""
    spec = StreamSpec(sample_rate=22050, views=("left", "right", "mid", "side"))
    monkeypatch.setitem(presets(), DEFAULT_PRESET, dataclasses.replace(PRESET, spec=spec))
    for name in ("shipped/fine_tune", "shipped/base", "paper/or_unet"):
        assert TrainConfig.load(CONFIGS / f"{name}.toml", overrides_of(DEFAULT_PRESET)).spec == spec
    later = TrainConfig.load(CONFIGS / "shipped/base.toml", [*overrides_of(DEFAULT_PRESET), "spec.sample_rate=8000"])
    assert later.spec.sample_rate == 8000  # a setting of one's own comes last


def test_an_unknown_preset_is_named(tmp_path, capsys, monkeypatch):
    assert main(["train", "--init-preset", "best", "--data", str(tmp_path)]) == 1
    assert "--init-preset: expected one of" in capsys.readouterr().err
    known = ", ".join(presets())
    monkeypatch.setitem(presets(), "bare", dataclasses.replace(PRESET, name="bare", network={}))
    assert main(["train", "--init-preset", "bare", "--data", str(tmp_path)]) == 1
    assert f"or a preset ({known}). Received: bare" in capsys.readouterr().err
    assert main(["train", "--data", str(tmp_path), "--out", str(tmp_path / "run")]) == 1
    assert "expected CONFIG.toml" in capsys.readouterr().err


@pytest.mark.trains
@pytest.mark.whole_size
def test_a_preset_is_where_training_begins(data, tmp_path, monkeypatch):
    """By the recipe for fine-tuning."""
    monkeypatch.chdir(tmp_path)
    few = ["data.segment_frames=8", "data.batch_size=2", "data.steps_per_epoch=1", "data.validation_segments=2"]
    few += ["optimizer.total_steps=2", "optimizer.warmup_steps=1", "optimizer.learning_rate=1e-9"]
    chosen = [part for setting in few for part in ("--set", setting)]
    assert main(["train", "--init-preset", DEFAULT_PRESET, "--data", str(data), *chosen]) == 0
    run, x = tmp_path / "runs" / f"{DEFAULT_PRESET}-fine-tuned", magnitude(6, spec=PRESET.spec)
    trained, preset = load_network(run / "best.keras"), load_network(ASSETS / PRESET.network["file"])
    assert (trained.config, trained.spec) == (preset.config, preset.spec)
    np.testing.assert_allclose(masks(trained, x), masks(preset, x), atol=2e-2)
    config = json.loads((run / "config.json").read_text())
    assert config["model"]["freeze_normalisation"]
    assert (config["model"]["init"], config["init_sha256"]) == (DEFAULT_PRESET, PRESET.network["sha256"])
    # What the preset was trained on, the run was trained on.
    exposure, known = TrainingExposure.of_run(run), PRESET.provenance["trained_on"]
    assert set(known["train"]["songs"]) | {"train_one"} <= exposure.songs(["train"])
    for split in ("train", "valid"):
        assert set(known[split]["stems"]) <= exposure.stems([split])


@pytest.mark.trains
def test_a_run_remembers_what_its_first_weights_were_trained_on(data, tmp_path):
    """A run that began with a preset is where another may begin."""
    before = exposure_of(DEFAULT_PRESET)
    begun = write_run(tmp_path / "first", "optimizer.total_steps=2", manifest=before.to_dict())
    run = tmp_path / "second"
    config = str(CONFIGS / "paper" / "or_unet.toml")
    chosen = options("optimizer.total_steps=2", f"model.init={begun}")
    assert main(["train", config, "--data", str(data), "--out", str(run), *chosen]) == 0
    assert before.songs() >= set(PRESET.provenance["trained_on"]["train"]["songs"])
    found = TrainingExposure.of_run(run)
    assert found.songs() >= before.songs() | {"train_one", "valid_one"}
    assert found.stems() > before.stems()
    with (
        pytest.raises(ValueError, match=r"the songs to score: .*train_one"),
        scored_songs(data, "train", RATE, exposure=found),
    ):
        pass


def test_random_weights_were_trained_on_nothing(tmp_path):
    assert exposure_of("") == TrainingExposure()
    assert init_facts("") == {}
    run = write_run(tmp_path / "run", "optimizer.total_steps=2")
    assert exposure_of(str(run)).songs() == {"train_one", "valid_one"}
    assert init_facts(DEFAULT_PRESET) == {"init_sha256": PRESET.network["sha256"]}


def test_a_configuration_that_is_not_there_is_named(data, tmp_path, capsys):
    config = tmp_path / "none.toml"
    assert main(["train", str(config), "--data", str(data), "--out", str(tmp_path / "run")]) == 1
    assert str(config) in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_it_was_trained_on_is_not_validated_on(data, tmp_path):
    known = {"train": [manifest_row("train/songs/one/vocals.wav", song="valid_one")], "valid": []}
    first = write_run(tmp_path / "first", "optimizer.total_steps=2", manifest=known)
    for exclude_shared in (False, True):  # which leaves out songs of the training part only
        with pytest.raises(ValueError, match=r"validation: .*valid_one\. The initial weights or the teacher know them"):
            train(
                tiny_config("optimizer.total_steps=2", f"model.init={first}"),
                data,
                tmp_path / "second",
                exclude_shared=exclude_shared,
            )
    assert not (tmp_path / "second" / "config.json").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("model.init=nothing", "run folder with best.keras, or a preset .*Received: nothing"),
        (
            f"model.init={DEFAULT_PRESET}",
            f"one spec. Received: the configuration and {DEFAULT_PRESET} with sample_rate",
        ),
        ("model.init={run}", "architecture of the configuration, or_unet. Received: .*lstm"),
    ],
)
def test_weights_that_do_not_fit_are_refused(data, tmp_path, setting, message):
    other = write_run(tmp_path / "other", "optimizer.total_steps=2", "model.architecture=lstm")
    with pytest.raises(ValueError, match=message):
        train(tiny_config("optimizer.total_steps=2", setting.format(run=other)), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.parametrize("setting", ["model.init={}", "loss.teacher={}"])
def test_weights_of_another_sample_rate_are_refused(data, tmp_path, setting):
    teaches = setting.startswith("loss.teacher")
    architecture = "model.architecture=unet" if teaches else "model.architecture=or_unet"
    other = write_run(tmp_path / "other", "spec.sample_rate=16000", architecture)
    more = ("loss.num_taps=2",) if teaches else ()
    with pytest.raises(ValueError, match=r"expected networks of one spec.*sample_rate=8000 and 16000"):
        train(tiny_config("optimizer.total_steps=2", setting.format(other), *more), data, tmp_path / "run")
    assert not (tmp_path / "run" / "config.json").exists()


@pytest.mark.trains
def test_without_validation_songs_the_ends_are_held_out(data, tmp_path, capsys):
    own = tmp_path / "own"
    shutil.copytree(data / "train/songs/train_one", own / "train/songs/mine")
    assert train(tiny_config("optimizer.total_steps=2"), own, tmp_path / "run")
    assert "the last fifth of each file is validated on" in capsys.readouterr().out
    # A run that held the same ends out may be begun with.
    assert train(tiny_config("optimizer.total_steps=2", f"model.init={tmp_path / 'run'}"), own, tmp_path / "second")


def test_a_preset_that_was_trained_on_all_of_a_song_is_not_validated_on_its_end(data, tmp_path, capsys):
    own = tmp_path / "own"
    song = PRESET.provenance["trained_on"]["train"]["songs"][0]
    shutil.copytree(data / "train/songs/train_one", own / "train/songs" / song)
    arguments = ["--data", str(own), "--out", str(tmp_path / "run")]
    assert main(["train", "--init-preset", DEFAULT_PRESET, *arguments]) == 1
    assert "validation: 1 of the songs were trained on" in capsys.readouterr().err
    assert not (tmp_path / "run" / "config.json").exists()


def test_onednn_is_on_unless_it_is_switched_off(tmp_path, monkeypatch):
    for before, after in ((None, "1"), ("0", "0")):
        monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
        if before:
            monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", before)
        assert main(["compare", str(tmp_path)]) == 1
        assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == after


@pytest.mark.trains
def test_frozen_normalisations_stay(data, tmp_path):
    begun = build_network("or_unet", "tiny", SPEC)
    move_normalisation(begun, seed=1)  # as after training
    first, second = write_run(tmp_path / "first", "optimizer.total_steps=2", network=begun), tmp_path / "second"
    chosen = ("optimizer.total_steps=2", "optimizer.learning_rate=0.01", "optimizer.ema_momentum=0.0")
    config = tiny_config(*chosen, f"model.init={first}", "model.freeze_normalisation=true")
    assert train(config, data, second)
    before, after = (
        {weight.path: keras.ops.convert_to_numpy(weight) for weight in load_network(path).weights}
        for path in (first / "best.keras", second / "last.keras")
    )
    assert before.keys() == after.keys()
    for path, values in before.items():
        assert np.array_equal(values, after[path]) == ("norm" in path), path


def test_only_what_begins_with_weights_may_freeze_its_normalisations():
    with pytest.raises(ValueError, match="init must be a preset or a run"):
        TrainConfig.load(CONFIGS / "paper/or_unet.toml", settings("model.freeze_normalisation=true"))
