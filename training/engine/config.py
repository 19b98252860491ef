"""The training configuration: a TOML file with a table for each part, checked value by value.

A file holds only the values that differ from the defaults below, or from another file that it names as its `base`. The
defaults train the paper's OR-U-Net, with our choices for everything that the paper leaves open.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_sep.models import ARCHITECTURES
from keras_sep.spec import StreamSpec
from training.data.datasets.track import SONG_STEMS
from training.data.mixing import Mixing

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OPTIMIZERS = ("adam", "muon")


@dataclass(frozen=True)
class ModelConfig:
    """The table [model]: the network and its initial weights.

    Args:
        architecture: one of `keras_sep.models.ARCHITECTURES`.
        size: of the network, "tiny", "s", "m" or "l"; with `init` its size counts, unless the spec has more views
            than it: then its weights are carried over (`training.engine.carry_over`).
        init: source of the initial weights: a preset of the package, a run folder, or "" for random weights.
        freeze_normalisation: whether batch normalisations keep the statistics, scales and shifts of `init`.
    """

    architecture: str = "or_unet"
    size: str = "m"
    init: str = ""
    freeze_normalisation: bool = False

    def __post_init__(self) -> None:
        _require(self, "architecture", self.architecture in ARCHITECTURES, f"one of {', '.join(ARCHITECTURES)}")
        sizes = ARCHITECTURES[self.architecture].SIZES
        _require(self, "size", self.size in sizes, f"one of {', '.join(sizes)}")
        if self.freeze_normalisation:
            _require(self, "init", self.init != "", "a preset or a run, whose normalisations are to be frozen")


@dataclass(frozen=True)
class LossConfig:
    """The table [loss]: the losses of `keras_sep.losses` and, for ours, of `keras_sep.extra_losses`.

    Args:
        teacher: run folder of the trained loss network φ, or "" for none.
        num_taps: N of eq. (5), the number of taps of the teacher that are used; 0 for the L1 loss alone.
        compressed_weight: weight of the L1 loss on square roots of magnitudes, which is added to l_0, ≥ 0.
        snr_weight: weight of the error's energy in dB, which is added to l_0, ≥ 0.
    """

    teacher: str = ""
    num_taps: int = 0
    compressed_weight: float = 0.0
    snr_weight: float = 0.0

    def __post_init__(self) -> None:
        for name in ("num_taps", "compressed_weight", "snr_weight"):
            _require(self, name, getattr(self, name) >= 0, "at least 0")
        if self.num_taps:
            _require(self, "teacher", self.teacher != "", f"a run folder, because num_taps is {self.num_taps}")
        else:
            _require(self, "teacher", self.teacher == "", '"" because num_taps is 0')


@dataclass(frozen=True)
class OptimizerConfig:
    """The table [optimizer]; the paper publishes none of these values.

    Args:
        name: "adam" or "muon", see `training.engine.optimizer.Muon`.
        learning_rate: peak of the schedule, after the warm-up, > 0.
        warmup_steps: length of the linear rise from 0, ≥ 0 and < total_steps.
        total_steps: step at which the cosine decay reaches 0 and training ends, ≥ 1; see `TrainConfig.num_steps`.
        clipnorm: largest norm of a variable's gradient, > 0.
        ema_momentum: momentum of the moving average of the weights, which is validated and saved; from 0, for none, to
            below 1.
    """

    name: str = "muon"
    learning_rate: float = 4e-3
    warmup_steps: int = 150
    total_steps: int = 4000
    clipnorm: float = 1.0
    ema_momentum: float = 0.98

    def __post_init__(self) -> None:
        _require(self, "name", self.name in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}")
        _require(self, "total_steps", self.total_steps >= 1, "at least 1")
        _require(self, "warmup_steps", 0 <= self.warmup_steps < self.total_steps, "from 0 to total_steps - 1")
        for name in ("learning_rate", "clipnorm"):
            _require(self, name, getattr(self, name) > 0, "above 0")
        _require(self, "ema_momentum", 0 <= self.ema_momentum < 1, "from 0 to below 1")


@dataclass(frozen=True)
class DataConfig:
    """The table [data]: sizes of a step and of an epoch, choice of the data; the paper publishes none of these values.

    Args:
        segment_frames: frames T of a segment, ≥ 1; 256 frames are 3.0 s.
        batch_size: segments of a step, ≥ 1.
        steps_per_epoch: most steps between two validations and checkpoints, ≥ 1.
        validation_segments: number of fixed validation segments, ≥ 1.
        licences: "all", or "free" for only those recordings that anybody may use.
        seed: seed of initial weights and mixing, ≥ 0.
    """

    segment_frames: int = 256
    batch_size: int = 4
    steps_per_epoch: int = 100
    validation_segments: int = 48
    licences: str = "all"
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("segment_frames", "batch_size", "steps_per_epoch", "validation_segments"):
            _require(self, name, getattr(self, name) >= 1, "at least 1")
        _require(self, "licences", self.licences in ("all", "free"), '"all" or "free"')
        _require(self, "seed", self.seed >= 0, "at least 0")


@dataclass(frozen=True)
class TrainConfig:
    """The configuration of `python -m training train`, with one field for each table of the file."""

    model: ModelConfig = field(default_factory=ModelConfig)
    spec: StreamSpec = field(default_factory=StreamSpec)
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    mixing: Mixing = field(default_factory=Mixing)
    data: DataConfig = field(default_factory=DataConfig)

    def __post_init__(self) -> None:
        _require(self.spec, "sources", sorted(self.spec.sources) == sorted(SONG_STEMS), f"{' and '.join(SONG_STEMS)}")

    @property
    def epochs(self) -> int:
        return -(-self.optimizer.total_steps // self.data.steps_per_epoch)

    @property
    def steps_per_epoch(self) -> int:
        """Length of every epoch in steps: that of [data], or less, so that epochs share `total_steps` out evenly."""
        return -(-self.optimizer.total_steps // self.epochs)

    @property
    def num_steps(self) -> int:
        """Length of the run in steps: `total_steps`, rounded up to a multiple of the number of epochs."""
        return self.epochs * self.steps_per_epoch

    @property
    def frames_per_step(self) -> int:
        return self.data.batch_size * self.data.segment_frames

    @classmethod
    def load(cls, path: Path, overrides: list[str] | None = None) -> TrainConfig:
        """Reads a TOML file and its `base`, then `table.key=value` overrides (values in TOML syntax, or bare words).

        Raises:
            ValueError: a file is not TOML or its own base, a table or key is unknown, or a value is of the wrong type
                or out of range; names it.
        """
        tables = _read(path)
        for override in overrides or []:
            name, equals, text = override.partition("=")
            table, dot, key = name.partition(".")
            if not (equals and dot):
                raise ValueError(f"--set: expected table.key=value. Received: {override!r}")
            try:
                value = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                value = text
            tables.setdefault(table, {})[key] = value
        return cls.from_dict(tables)

    @classmethod
    def from_dict(cls, tables: dict[str, Any]) -> TrainConfig:
        """Builds a configuration from its tables, the inverse of `to_dict`; what is missing has its default.

        Raises:
            ValueError: a table or key is unknown, or a value is of the wrong type or out of range; names it.
        """
        kinds = {table.name: type(getattr(_DEFAULT, table.name)) for table in dataclasses.fields(cls)}
        if unknown := set(tables) - set(kinds):
            raise ValueError(f"configuration: tables are {', '.join(kinds)}. Received: {', '.join(sorted(unknown))}")
        return cls(**{name: _table(name, kinds[name], values) for name, values in tables.items()})

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "spec": self.spec.to_dict()}


def _read(path: Path, above: frozenset[Path] = frozenset()) -> dict[str, Any]:
    """Reads the tables of a file, with the values that it lacks from its base; `above` are files based on it."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a TOML file: {error}") from error
    base, above = tables.pop("base", ""), above | {path.resolve()}
    if not isinstance(base, str) or (path.parent / base).resolve() in above:
        raise ValueError(f"{path}: expected as base the name of a file that is not based on it. Received: {base!r}")
    result = _read(path.parent / base, above) if base else {}
    for name, values in tables.items():
        if not isinstance(values, dict):
            raise ValueError(f"{path}: expected tables, such as [data], and base. Received: {name} = {values!r}")
        result[name] = {**result.get(name, {}), **values}
    return result


def _table(name: str, kind: type, values: Any) -> Any:
    if not isinstance(values, dict):
        raise ValueError(f"configuration: {name} must be a table. Received: {name}={values!r}")
    default = getattr(_DEFAULT, name)
    known = {known.name: getattr(default, known.name) for known in dataclasses.fields(kind)}
    if unknown := set(values) - set(known):
        raise ValueError(f"configuration: [{name}] has {', '.join(known)}. Received: {', '.join(sorted(unknown))}")
    if kind is StreamSpec:  # it checks its values itself and turns lists into tuples
        known.pop("views")
        return StreamSpec(**{**known, **values})
    return kind(**{key: _typed(f"{name}.{key}", value, type(known[key])) for key, value in values.items()})


def _typed(name: str, value: Any, kind: type) -> Any:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"configuration: {name} must be of type {kind.__name__}. Received: {name}={value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"configuration: {name} must be finite. Received: {name}={value!r}")
    return value


def _require(table: Any, name: str, condition: bool, expected: str) -> None:
    if not condition:
        raise ValueError(f"configuration: {name} must be {expected}. Received: {name}={getattr(table, name)!r}")


_DEFAULT = TrainConfig()
