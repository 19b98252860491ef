"""A target of atheris, in a separate process: `python -m fuzz.models.target TARGET OPTIONS…`, libFuzzer's options.

An input that raises anything but the error that users are told of ends the process, as one does that takes too long.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["keras_sep"]):
    from fuzz.models.inputs import MODEL, TARGETS, with_metadata
    from keras_sep.errors import ModelFileError
    from keras_sep.metadata import read_metadata
    from keras_sep.separator import Separator
    from keras_sep.spec import StreamSpec


def content(data: bytes) -> None:
    """Reads the metadata of a file that is anything."""
    try:
        read_metadata(data)
    except ModelFileError:
        return
    if b'"format"' not in data:
        raise AssertionError("accepted without metadata")


def metadata(data: bytes) -> None:
    """Opens an intact model file whose metadata is anything."""
    path = Path(tempfile.gettempdir(), f"fuzz-{os.getpid()}.tflite")
    path.write_bytes(with_metadata(MODEL.read_bytes(), data))
    try:
        Separator(model=path)
    except ModelFileError:
        pass
    finally:
        path.unlink()


def spec(data: bytes) -> None:
    """Makes a spec of any text."""
    try:
        made = StreamSpec.from_json(data.decode("utf-8", "surrogatepass"))
    except ValueError:
        return
    if StreamSpec.from_json(made.to_json()) != made:
        raise AssertionError(f"{made} is another one after a round trip")


def mutate_json(data: bytes, most: int, seed: int) -> bytes:
    """Puts something else for a value or a name in JSON, every other time; otherwise does what libFuzzer does."""
    rng = random.Random(seed)
    if rng.random() < 0.5:
        try:
            text = json.dumps(_other(rng, json.loads(data)))
            return text.encode("utf-8", "surrogatepass").replace(b'"HUGE"', b"9" * 5000)[:most]
        except (ValueError, RecursionError):
            pass
    return atheris.Mutate(data, most)


def _other(rng: random.Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        changed = {**value, key: _other(rng, value[key])}
        if rng.random() < 0.1:
            changed[rng.choice(("", "more", "views"))] = changed.pop(key)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.7:
        place = rng.randrange(len(value))
        return [*value[:place], _other(rng, value[place]), *value[place + 1 :]]
    deep: Any = []
    for _ in range(rng.choice((1, 10, 900))):
        deep = [deep]
    if isinstance(value, int) and abs(value) < 2**63 and rng.random() < 0.5:
        return rng.choice((value + rng.randint(-2, 2), value * 2, -value, float(value), str(value), value << 70))
    return rng.choice(
        (
            None,
            True,
            0,
            1,
            -1,
            2,
            2**31,
            2**63,
            1e400,
            "HUGE",
            "",
            "\ud800",
            "mask",
            "waveform",
            [],
            ["a"],
            [[]],
            {},
            deep,
        )
    )


def main() -> None:
    name = sys.argv.pop(1)
    target = dict(zip(TARGETS, (content, metadata, spec), strict=True))[name]
    mutator = {} if name == "content" else {"custom_mutator": mutate_json}
    atheris.Setup(sys.argv, target, **mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
