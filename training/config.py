"""Training configuration: a flat TOML file, checked field by field."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class TrainConfig:
    """What `python -m training train` needs to know; units are in the configuration files."""

    architecture: str
    size: str
    compressed_weight: float
    segment_frames: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    total_steps: int
    steps_per_epoch: int
    clipnorm: float
    validation_segments: int
    licences: str
    seed: int

    def __post_init__(self) -> None:
        self._require(self.architecture == "or_unet", "architecture", '"or_unet"')
        self._require(self.licences in ("all", "free"), "licences", '"all" or "free"')
        for name in ("segment_frames", "batch_size", "total_steps", "steps_per_epoch", "validation_segments"):
            self._require(getattr(self, name) >= 1, name, "at least 1")
        self._require(0 <= self.warmup_steps < self.total_steps, "warmup_steps", "from 0 to total_steps - 1")
        self._require(self.learning_rate > 0, "learning_rate", "above 0")
        self._require(self.clipnorm > 0, "clipnorm", "above 0")

    def _require(self, condition: bool, name: str, expected: str) -> None:
        if not condition:
            raise ValueError(f"configuration: {name} must be {expected}. Received: {name}={getattr(self, name)!r}")

    @classmethod
    def load(cls, path: Path, overrides: list[str] | None = None) -> TrainConfig:
        """Reads a TOML file, then `key=value` overrides (values in TOML syntax, or bare words)."""
        try:
            fields = tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{path}: not a TOML file: {error}") from error
        for override in overrides or []:
            key, equals, value = override.partition("=")
            if not equals:
                raise ValueError(f"--set: expected key=value. Received: {override!r}")
            try:
                fields[key] = tomllib.loads(f"value = {value}")["value"]
            except tomllib.TOMLDecodeError:
                fields[key] = value
        expected = {field.name: field.type for field in dataclasses.fields(cls)}
        unknown, missing = set(fields) - set(expected), set(expected) - set(fields)
        if unknown or missing:
            raise ValueError(f"{path}: unknown keys {sorted(unknown)}, missing keys {sorted(missing)}")
        return cls(**{name: _typed(name, value, str(expected[name])) for name, value in fields.items()})

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _typed(name: str, value: Any, expected: str) -> Any:
    if expected == "float" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value).__name__ != expected:
        raise ValueError(f"configuration: {name} must be of type {expected}. Received: {name}={value!r}")
    return value
