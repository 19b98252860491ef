"""Training configuration: a TOML file, checked field by field."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keras_sep.spec import StreamSpec
from training.mixing import Mixing

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OPTIMIZERS = ("adam", "muon")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclass(frozen=True)
class TrainConfig:
    """What `python -m training train` needs to know.

    Args:
        architecture, size: of the network, see `keras_sep.models.build_network`.
        teacher: run folder of the trained loss network, "" for none.
        num_taps: N of eq. (5): taps of the teacher that are used, 0 for the plain L1.
        init: where the weights come from at first: a preset of the package, a run folder, or "" for random ones.
        freeze_normalisation: whether batch normalisations keep the statistics, scales and shifts of `init`.
        compressed_weight: of the L1 on square-root magnitudes beside eq. (2), ≥ 0.
        complex_weight: of the distance of complex spectra beside eq. (2), ≥ 0.
        snr_weight: of the error's energy in dB, for each of them, beside eq. (2), ≥ 0.
        mixing: what differs from `training.mixing.Mixing`, "name=value,name=value"; "" for nothing.
        segment_frames: frames T of a segment.
        consecutive: segments that follow one another with the recurrent state carried over, 1 for none.
        batch_size: segments.
        optimizer: "adam", or "muon", see `training.optimizer.Muon`.
        learning_rate: peak, after the warm-up.
        warmup_steps: of a linear rise from 0.
        total_steps: where the cosine decay has come down to 0 and training ends.
        steps_per_epoch: steps between two validations and checkpoints.
        clipnorm: largest norm of a variable's gradient.
        ema_momentum: of the moving average of the weights that is validated and kept, 0 for none.
        early_stopping_epochs: epochs without a lower validation loss after which training ends, 0 for none.
        precision: "float32", "mixed_bfloat16" or "mixed_float16".
        validation_segments: number of fixed validation segments.
        licences: "all", or "free" for recordings that anybody may use.
        data_share: of the training songs, voices and music, by number; a smaller share is part of a larger one.
        seed: of initial weights, mixing and held-out songs.
        spec: sample rate and frames; the table [spec] names what differs from the defaults of `StreamSpec`.
    """

    architecture: str
    size: str
    teacher: str
    num_taps: int
    init: str
    freeze_normalisation: bool
    compressed_weight: float
    complex_weight: float
    snr_weight: float
    mixing: str
    segment_frames: int
    consecutive: int
    batch_size: int
    optimizer: str
    learning_rate: float
    warmup_steps: int
    total_steps: int
    steps_per_epoch: int
    clipnorm: float
    ema_momentum: float
    early_stopping_epochs: int
    precision: str
    validation_segments: int
    licences: str
    data_share: float
    seed: int
    spec: StreamSpec = dataclasses.field(default_factory=StreamSpec)

    def __post_init__(self) -> None:
        for name in ("segment_frames", "consecutive", "batch_size", "total_steps", "steps_per_epoch"):
            self._require(getattr(self, name) >= 1, name, "at least 1")
        self._require(self.validation_segments >= 1, "validation_segments", "at least 1")
        self._require(self.licences in ("all", "free"), "licences", '"all" or "free"')
        self._require(0 < self.data_share <= 1, "data_share", "above 0 up to 1")
        self._require(self.precision in PRECISIONS, "precision", f"one of {', '.join(PRECISIONS)}")
        self._require(self.optimizer in OPTIMIZERS, "optimizer", f"one of {', '.join(OPTIMIZERS)}")
        self._require(0 <= self.warmup_steps < self.total_steps, "warmup_steps", "from 0 to total_steps - 1")
        self._require(self.learning_rate > 0, "learning_rate", "above 0")
        self._require(self.compressed_weight >= 0, "compressed_weight", "at least 0")
        self._require(self.complex_weight >= 0, "complex_weight", "at least 0")
        self._require(self.snr_weight >= 0, "snr_weight", "at least 0")
        self._require(self.clipnorm > 0, "clipnorm", "above 0")
        self._require(0 <= self.ema_momentum < 1, "ema_momentum", "from 0 to below 1")
        self._require(self.early_stopping_epochs >= 0, "early_stopping_epochs", "at least 0")
        Mixing.parse(self.mixing)
        self._require(self.seed >= 0, "seed", "at least 0")
        self._require(self.num_taps >= 0, "num_taps", "at least 0")
        if self.freeze_normalisation:
            self._require(self.init != "", "init", "a preset or a run, whose normalisations are to be frozen")
        if self.num_taps:
            self._require(self.teacher != "", "teacher", f"a run folder, because num_taps is {self.num_taps}")
        else:
            self._require(self.teacher == "", "teacher", '"" because num_taps is 0')
        # An epoch ends with a checkpoint: a resumed run begins where an excerpt begins.
        self._require(self.steps_per_epoch % self.consecutive == 0, "consecutive", "a divisor of steps_per_epoch")

    def _require(self, condition: bool, name: str, expected: str) -> None:
        if not condition:
            raise ValueError(f"configuration: {name} must be {expected}. Received: {name}={getattr(self, name)!r}")

    @property
    def epochs(self) -> int:
        return -(-self.total_steps // self.steps_per_epoch)

    @classmethod
    def load(cls, path: Path, overrides: list[str] | None = None) -> TrainConfig:
        """Reads a TOML file, then `key=value` or `spec.key=value` overrides (values in TOML syntax, or bare words)."""
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: not a TOML file: {error}") from error
        for override in overrides or []:
            key, equals, text = override.partition("=")
            if not equals:
                raise ValueError(f"--set: expected key=value. Received: {override!r}")
            try:
                value = tomllib.loads(f"value = {text}")["value"]
            except tomllib.TOMLDecodeError:
                value = text
            if key.startswith("spec."):
                fields["spec"] = {**_table(fields.get("spec", {})), key.removeprefix("spec."): value}
            else:
                fields[key] = value
        spec = _spec(fields.pop("spec", {}))
        expected = {field.name: field.type for field in dataclasses.fields(cls) if field.name != "spec"}
        unknown, missing = set(fields) - set(expected), set(expected) - set(fields)
        if unknown or missing:
            raise ValueError(f"{path} and --set: unknown keys {sorted(unknown)}, missing keys {sorted(missing)}")
        return cls(**{name: _typed(name, value, str(expected[name])) for name, value in fields.items()}, spec=spec)

    def to_dict(self) -> dict[str, Any]:
        return {**dataclasses.asdict(self), "spec": self.spec.to_dict()}


def _table(spec: Any) -> dict[str, Any]:
    if not isinstance(spec, dict):
        raise ValueError(f"configuration: spec must be a table. Received: spec={spec!r}")
    return spec


def _spec(fields: Any) -> StreamSpec:
    defaults = StreamSpec().to_dict()
    if unknown := sorted(set(_table(fields)) - set(defaults)):
        raise ValueError(f"configuration: [spec] has {', '.join(defaults)}. Received: {', '.join(unknown)}")
    return StreamSpec.from_dict({**defaults, **fields})


def _typed(name: str, value: Any, expected: str) -> Any:
    if expected == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value).__name__ != expected:
        raise ValueError(f"configuration: {name} must be of type {expected}. Received: {name}={value!r}")
    return value
