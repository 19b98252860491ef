"""The scenarios: how each command that is killed is called, and what it must have made."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tests.support.fake_sounddevice import PLAYING

_ROOT = Path(__file__).parents[2]
_UNIT = _ROOT / "tests" / "golden" / "unit-mask-float32.tflite"
_RATE = 44100
_OPEN_END = 4096  # samples of a recording that end another way where it ends early


@dataclass(frozen=True)
class Scenario:
    """A command and what becomes of its output folder.

    Attributes:
        inputs: makes what the command reads, in a folder.
        command: (folder of the inputs, output folder) → the exit status; run in a separate process.
        results: what is in place in an output folder: by the names of files something that is equal for equal results.
            It raises an exception for a file that is not whole.
        is_part_of: whether results of a command that was ended early may be those, with the complete ones to compare.
        disk_kb: how much the outputs need, at most.
        load: imports what the command needs, so that a fork of this process has it.
    """

    inputs: Callable[[Path], None]
    command: Callable[[Path, Path], int]
    results: Callable[[Path], dict[str, Any]]
    is_part_of: Callable[[dict[str, Any], dict[str, Any]], bool]
    disk_kb: int
    load: Callable[[], None]


def _is_subset(found: dict[str, Any], complete: dict[str, Any]) -> bool:
    return all(complete.get(name) == value for name, value in found.items())


def files_in(folder: Path) -> dict[str, Path]:
    """Files that are in place, and not in the course of being written, by their paths below the folder."""
    found = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {name: file for name, file in found.items() if not is_part(file)}


def is_part(file: Path) -> bool:
    return file.name.startswith(".") and ".part" in file.name


def _song(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * _RATE))[:, np.newaxis] / _RATE
    return (0.3 * np.sin(2 * np.pi * np.array([300.0, 440.0]) * time * (1 + 0.1 * time))).astype(np.float32)


# separate


def _separate_inputs(folder: Path) -> None:
    soundfile.write(folder / "song.flac", _song(5.0), _RATE)


def _several_inputs(folder: Path) -> None:
    for number in range(3):
        soundfile.write(folder / f"song {number}.flac", _song(2.0 + number), _RATE)


def _load_separate() -> None:
    import keras_sep.batch.run
    import keras_sep.cli
    import keras_sep.runtime
    import keras_sep.separator

    keras_sep.runtime.runtime_name()


def _separate(*options: str) -> Callable[[Path, Path], int]:
    def command(inputs: Path, out: Path) -> int:
        from keras_sep import cli

        arguments = [*sorted(map(str, inputs.iterdir())), "-o", str(out / "stems"), "--model", str(_UNIT)]
        return cli.main(["separate", *arguments, *options])

    return command


def _stems(folder: Path) -> dict[str, Any]:
    """Reads the bytes of each stem; a record of what they were made of may come before them."""
    results: dict[str, Any] = {}
    for name, file in files_in(folder).items():
        if file.name == ".keras-sep.json":
            record = json.loads(file.read_text(encoding="ascii"))
            if not record["files"]:
                raise ValueError("an empty record")
        else:
            results[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    return results


# live --record


def _record_inputs(folder: Path) -> None:
    soundfile.write(folder / "song.wav", _song(10.0), _RATE, subtype="FLOAT")
    (folder / "sounddevice.py").write_text(PLAYING)


def _load_live() -> None:
    _load_separate()
    import keras_sep.live.session
    import keras_sep.live.terminal  # noqa: F401


def _record(inputs: Path, out: Path) -> int:
    import sys

    from keras_sep import cli

    sys.path.insert(0, str(inputs))
    os.environ["FAKE_SOUNDDEVICE_SPEED"] = "40"
    arguments = ["--file", str(inputs / "song.wav"), "--record", str(out / "recording"), "--model", str(_UNIT)]
    return cli.main(["live", *arguments, "--overwrite", "--quiet"])


def _recording(folder: Path) -> dict[str, Any]:
    results = {}
    for name, file in files_in(folder).items():
        results[name] = soundfile.read(file, dtype="float32")[0]
        if file.stat().st_size < results[name].nbytes:
            raise ValueError(f"{name} is cut off")
    return results


def _is_beginning(found: dict[str, Any], complete: dict[str, Any]) -> bool:
    if found.keys() - complete.keys() or len({len(x) for x in found.values()}) > 1:
        return False
    return all(
        len(x) <= len(complete[name])
        and (len(x) == len(complete[name]) or len(x) > 0)
        and np.array_equal(x[: max(0, len(x) - _OPEN_END)], complete[name][: max(0, len(x) - _OPEN_END)])
        for name, x in found.items()
    )


# train


def _train_inputs(folder: Path) -> None:
    from tests.support.runs import write_data

    write_data(folder)


def _load_train() -> None:
    import training.commands.train
    import training.engine.training_run  # noqa: F401


def _train(inputs: Path, out: Path) -> int:
    from tests.support.runs import options
    from training.__main__ import main

    config = str(_ROOT / "training" / "configs" / "paper" / "or_unet.toml")
    arguments = ["--data", str(inputs), "--out", str(out / "run"), *options("optimizer.total_steps=6")]
    return main(["train", config, *arguments])


_TIMES = {"seconds", "frames_per_second", "data_wait"}


def _run(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, file in files_in(folder).items():
        if file.suffix == ".keras":
            with zipfile.ZipFile(file) as archive:
                if archive.testzip():
                    raise ValueError(f"{name} is damaged")
                results[name] = _weights(io.BytesIO(archive.read("model.weights.h5")))
        elif file.suffix == ".h5":
            results[name] = _weights(file)
        elif file.suffix == ".json":
            results[name] = json.loads(file.read_text(encoding="utf-8"))
        elif file.suffix == ".csv":
            with file.open(newline="", encoding="utf-8") as text:
                rows = list(csv.DictReader(text))
            results[name] = [{key: row[key] for key in row if key not in _TIMES} for row in rows]
    return results


def _weights(file: Any) -> dict[str, bytes]:
    import h5py

    found: dict[str, bytes] = {}
    with h5py.File(file) as store:
        store.visititems(
            lambda name, item: found.update({name: item[()].tobytes()}) if hasattr(item, "dtype") else None
        )
    return found


def _is_run(found: dict[str, Any], complete: dict[str, Any]) -> bool:
    """Networks and history change with every epoch; the other files are there or not."""
    same = {name: value for name, value in found.items() if name.endswith(".json")}
    return _is_subset(same, complete) and found.keys() <= complete.keys()


# evaluate


def _evaluate_inputs(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(2):
        song = folder / "test" / "songs" / f"song {number}"
        song.mkdir(parents=True)
        soundfile.write(song / "vocals.wav", _song(3.0), _RATE)
        soundfile.write(song / "accompaniment.wav", 0.1 * rng.standard_normal((3 * _RATE, 2)), _RATE)


def _load_evaluate() -> None:
    import museval  # noqa: F401

    import training.commands.evaluate
    import training.evaluation.scoring  # noqa: F401


def _evaluate(inputs: Path, out: Path) -> int:
    from training.__main__ import main

    arguments = ["--data", str(inputs), "--cache", str(out / "cache"), "--out", str(out / "scores"), "--jobs", "0"]
    return main(["evaluate", *arguments, "--model", str(_UNIT), "--references", "mixture", "--protocols", "v4"])


def _scores(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = {}
    for name, file in files_in(folder / "scores").items():
        if file.suffix == ".json":
            results[name] = json.loads(file.read_text(encoding="utf-8"))
            if file.name == "data.json":
                results[name].pop("date")
        elif file.suffix in (".flac", ".wav", ".ogg"):
            results[name] = soundfile.read(file)[0].tobytes()
        elif file.name != ".lock":
            results[name] = file.read_bytes()
    return results


def _is_evaluation(found: dict[str, Any], complete: dict[str, Any]) -> bool:
    """Reads the scores; the texts about songs and rows may differ after an interruption."""
    scores = {
        name: value for name, value in found.items() if name.startswith(("v4/", "songs/", "excerpts/", "summary"))
    }
    return _is_subset(scores, complete)


# publish


def _publish_inputs(folder: Path) -> None:
    rng = np.random.default_rng(0)
    (folder / "LICENSE").write_text("none\n" * 1000)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo("weights"), rng.bytes(2_000_000))
    contents = {"small.keras": archive.getvalue()}
    files = []
    for precision in ("float32", "dynamic_int8"):
        name = f"small-mask-{precision}.tflite"
        contents[name] = rng.bytes(1_000_000)
        about: dict[str, Any] = {
            "graph": "mask",
            "precision": precision,
            "file": name,
            "bytes": 1_000_000,
            "agreement": {},
        }
        files.append({**about, "sha256": _sha256(contents[name]), "verification": _VERIFICATION})
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    content = contents["small.keras"]
    network = {"file": "small.keras", "sha256": _sha256(content), "bytes": len(content)}
    summary = {"name": "small", "parameters": 1, "spec": {}, "files": files, "network": network, "provenance": {}}
    (folder / "small.json").write_text(json.dumps(summary))


_VERIFICATION: dict[str, Any] = {"passed": True, "sdr_db": {}, "keras_sdr_db": {}, "steps": {}}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _load_publish() -> None:
    import export.publishing.publish  # noqa: F401


def _publish(inputs: Path, out: Path) -> int:
    from common.command_line import run_command
    from export.commands import publish as command

    class Here:
        """The command, into a folder that is not the package's."""

        __name__ = "publish"
        add_arguments = staticmethod(command.add_arguments)

        @staticmethod
        def run(args: Any) -> None:
            from export.publishing.publish import publish

            out.mkdir(parents=True, exist_ok=True)
            files = args.files.split(",")
            publish(args.converted, args.name, files, args.description, args.licence, args.licence_file, out)

    wanted = "mask-float32,mask-dynamic_int8,keras"
    arguments = [str(inputs), "--name", "small", "--files", wanted, "--description", "small"]
    arguments += ["--licence", "CC0-1.0", "--licence-file", str(inputs / "LICENSE")]
    return run_command("export", "", [Here()], "train,dev", ["publish", *arguments])  # type: ignore[list-item]


def _published(folder: Path) -> dict[str, Any]:
    """Bytes of all files; those that presets.json lists must be there, as it says."""
    contents = {name: file.read_bytes() for name, file in files_in(folder).items()}
    for preset in json.loads(contents.get("presets.json", b"{}")).values():
        for file in (*preset["files"], preset["network"]):
            if _sha256(contents[file["file"]]) != file["sha256"]:
                raise ValueError(f"{file['file']} is not the file that presets.json lists")
    return contents


SCENARIOS = {
    "separate": Scenario(_separate_inputs, _separate("--quiet"), _stems, _is_subset, 4000, _load_separate),
    "separate-flac": Scenario(
        _separate_inputs, _separate("--quiet", "--format", "flac"), _stems, _is_subset, 3000, _load_separate
    ),
    "separate-several": Scenario(
        _several_inputs, _separate("--quiet", "--jobs", "2"), _stems, _is_subset, 7500, _load_separate
    ),
    "record": Scenario(_record_inputs, _record, _recording, _is_beginning, 12000, _load_live),
    "train": Scenario(_train_inputs, _train, _run, _is_run, 6000, _load_train),
    "evaluate": Scenario(_evaluate_inputs, _evaluate, _scores, _is_evaluation, 8000, _load_evaluate),
    "publish": Scenario(_publish_inputs, _publish, _published, _is_subset, 5000, _load_publish),
}
