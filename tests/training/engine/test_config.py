"""Configurations: the shipped ones, tables and bases, overrides, and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from keras_sep.models import ARCHITECTURES
from keras_sep.presets import DEFAULT_PRESET, get_preset, presets
from keras_sep.spec import StreamSpec
from tests.support.paths import CONFIGS
from training.data.mixing import Mixing
from training.engine.config import TrainConfig

PAPER, SHIPPED = CONFIGS / "paper", CONFIGS / "shipped"
NAMES = sorted(str(path.relative_to(CONFIGS).with_suffix("")) for path in CONFIGS.rglob("*.toml"))


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_configurations(name):
    config = TrainConfig.load(CONFIGS / f"{name}.toml")
    assert config.model.size == "m"
    assert config.model.architecture in ARCHITECTURES
    assert (config.loss.num_taps == 4) == (name == "paper/or_unet_df")


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("paper/")])
def test_the_papers_methods_see_and_are_told_what_the_paper_says(name):
    """The channels of the mixture, and eqs. (3) to (5) alone."""
    config = TrainConfig.load(CONFIGS / f"{name}.toml")
    assert config.spec == StreamSpec()
    assert (config.loss.compressed_weight, config.loss.snr_weight) == (0.0, 0.0)
    assert config.model.architecture == name.removeprefix("paper/").removesuffix("_df")


def test_the_defaults_are_the_papers_or_unet():
    assert TrainConfig.load(PAPER / "or_unet.toml") == TrainConfig()


def test_our_network_sees_mid_and_side():
    assert TrainConfig.load(SHIPPED / "base.toml").spec.views == ("left", "right", "mid", "side")


def test_a_shipped_configuration_trains_what_the_default_is():
    """From random weights and without a teacher, so that anybody can."""
    preset, config = get_preset(DEFAULT_PRESET), TrainConfig.load(SHIPPED / "base.toml")
    for name in ("architecture", "size"):
        assert getattr(config.model, name) == preset.provenance["model"][name]
    assert config.optimizer.name == preset.provenance["optimizer"]["name"]
    assert (config.model.init, config.loss.teacher) == ("", "")


@pytest.mark.parametrize("name", presets())
def test_what_a_preset_was_trained_with_is_a_configuration_still(name):
    provenance = get_preset(name).provenance
    tables = {table.name: provenance[table.name] for table in dataclasses.fields(TrainConfig) if table.name != "spec"}
    found = TrainConfig.from_dict(tables).to_dict()
    for table, values in tables.items():
        assert {key: found[table][key] for key in values} == values


def test_a_configuration_is_what_its_dict_says():
    config = TrainConfig.load(SHIPPED / "base.toml", ["spec.sample_rate=16000", "mixing.floor=0.5"])
    assert TrainConfig.from_dict(config.to_dict()) == config
    assert TrainConfig.from_dict({}) == TrainConfig()


def test_overrides():
    config = TrainConfig.load(PAPER / "or_unet.toml", ["model.size=s", "optimizer.learning_rate=1"])
    assert (config.model.size, config.optimizer.learning_rate) == ("s", 1.0)
    spec = TrainConfig.load(PAPER / "or_unet.toml", ["spec.sample_rate=16000", "spec.num_channels=1"]).spec
    assert spec == StreamSpec(sample_rate=16000, num_channels=1)
    views = TrainConfig.load(PAPER / "or_unet.toml", ['spec.views=["left", "right", "mid", "side"]']).spec.views
    assert views == ("left", "right", "mid", "side")
    # The last one counts; a path with an equals sign is a word.
    last = TrainConfig.load(PAPER / "or_unet.toml", ["model.init=a", "model.init=runs/b=c"])
    assert last.model.init == "runs/b=c"


@pytest.mark.parametrize(
    ("total", "most", "epochs", "steps"), [(150, 50, 3, 50), (151, 50, 4, 38), (250, 200, 2, 125), (50, 100, 1, 50)]
)
def test_epochs_are_of_equal_length(total, most, epochs, steps):
    settings = [f"optimizer.total_steps={total}", f"data.steps_per_epoch={most}", "optimizer.warmup_steps=10"]
    config = TrainConfig.load(PAPER / "or_unet.toml", settings)
    assert (config.epochs, config.steps_per_epoch, config.num_steps) == (epochs, steps, epochs * steps)
    assert config.frames_per_step == config.data.batch_size * config.data.segment_frames


def test_a_file_may_have_a_table_of_the_spec(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text((PAPER / "or_unet.toml").read_text() + "\n[spec]\nsample_rate = 16000\nframe_step = 256\n")
    assert TrainConfig.load(path).spec == StreamSpec(sample_rate=16000, frame_step=256)
    assert TrainConfig.load(path, ["spec.frame_step=512"]).spec == StreamSpec(sample_rate=16000)
    path.write_text("spec = 1\n" + (PAPER / "or_unet.toml").read_text())
    for overrides in ([], ["spec.sample_rate=8000"]):
        with pytest.raises(ValueError, match=r"own\.toml: expected tables, such as \[data\].*Received: spec = 1"):
            TrainConfig.load(path, overrides)


def test_a_file_stands_on_its_base(tmp_path):
    """What it says counts, key by key; the rest is the base's, and that of the base's own base."""
    first, second, third = (tmp_path / f"{name}.toml" for name in ("first", "second", "third"))
    first.write_text("[data]\nbatch_size = 3\nseed = 7\n[mixing]\nfloor = 0.1\n")
    second.write_text('base = "first.toml"\n[data]\nbatch_size = 5\n[optimizer]\nname = "adam"\n')
    (tmp_path / "deep").mkdir()
    third = tmp_path / "deep" / "third.toml"  # a base is found from where the file is
    third.write_text('base = "../second.toml"\n[mixing]\nnarrow = 0.2\n')
    config = TrainConfig.load(third, ["data.seed=8"])
    assert (config.data.batch_size, config.data.seed, config.optimizer.name) == (5, 8, "adam")
    assert config.mixing == Mixing(floor=0.1, narrow=0.2)
    assert TrainConfig.load(first).data.batch_size == 3
    third.write_text('base = "none.toml"\n')
    with pytest.raises(OSError, match=r"none\.toml"):
        TrainConfig.load(third)


@pytest.mark.parametrize("content", [b"[data\n", "# H\u00f6he\n[data]\nseed = 1\n".encode("latin-1")])
def test_what_is_no_toml_is_named(tmp_path, content):
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"own\.toml: not a TOML file"):
        TrainConfig.load(path)


@pytest.mark.parametrize("base", ["1", "[]", "false", '"own.toml"', '"../{folder}/other.toml"'])
def test_a_base_is_another_file(tmp_path, base):
    (tmp_path / "own.toml").write_text(f"base = {base.format(folder=tmp_path.name)}\n")
    (tmp_path / "other.toml").write_text('base = "own.toml"\n')
    with pytest.raises(ValueError, match=r"\.toml: expected as base the name of a file that is not based on it\. Rec"):
        TrainConfig.load(tmp_path / "own.toml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.sise=m", r"\[model\] has architecture, size, .*Received: sise"),
        ("modell.size=m", "tables are model, spec, loss, .*Received: modell"),
        ("data.batch_size=0", "batch_size must be at least 1"),
        ("data.batch_size=two", "data.batch_size must be of type int"),
        ("data.licences=some", "licences"),
        ("data.seed=-1", "seed must be at least 0"),
        ("data.seed", "expected table.key=value. Received: 'data.seed'"),
        ("seed=1", "expected table.key=value. Received: 'seed=1'"),
        ("loss.num_taps=2", "teacher must be a run folder"),
        ("loss.teacher=runs/unet", 'teacher must be ""'),
        ("loss.snr_weight=-1", "snr_weight must be at least 0"),
        ("loss.snr_weight=inf", r"loss\.snr_weight must be finite\. Received: loss\.snr_weight=inf"),
        ("loss.compressed_weight=inf", r"loss\.compressed_weight must be finite"),
        ("optimizer.learning_rate=inf", r"optimizer\.learning_rate must be finite"),
        ("model.architecture=waveunet", "architecture must be one of or_unet, .*Received: architecture='waveunet'"),
        ("model.size=xl", "size must be one of tiny, s, m, l. Received: size='xl'"),
        ('spec.sources=["vocals", "drums"]', "sources must be vocals and accompaniment. Received: sources="),
        ("optimizer.ema_momentum=1.0", "from 0 to below 1"),
        ("optimizer.name=sgd", "one of adam, muon"),
        ("optimizer.warmup_steps=4000", "warmup_steps must be from 0 to total_steps - 1"),
        ("optimizer.learning_rate=0", "learning_rate must be above 0"),
        ("mixing.floor=2", "expected floor from 0 to 1. Received: 2"),
        ("mixing.flour=0.5", r"\[mixing\] has together, .*Received: flour"),
        ("spec.rate=8000", r"\[spec\] has sample_rate, num_channels, .*Received: rate"),
        ("spec=8000", "expected table.key=value. Received: 'spec=8000'"),
        ("spec.sample_rate=100", "sample_rate must be from 8000"),
        ("spec.frame_step=500", "frame_step must be a divisor of frame_length"),
        ('spec.views=["left"]', "views must be one of"),
    ],
)
def test_a_wrong_setting_is_named(override, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.load(PAPER / "or_unet.toml", [override])


def test_a_table_is_a_table():
    with pytest.raises(ValueError, match=r"configuration: spec must be a table\. Received: spec=1"):
        TrainConfig.from_dict({"spec": 1})
