"""`python -m export verify`: comparison of every file of a conversion with its float network, on real songs.

    .verify-<name>/<key>/   finished parts, with which an interrupted verification continues; deleted at the end

Each file's entry in `<name>.json` gets a "verification":

    passed         whether `publish` takes the file
    reasons        why not, one text each
    steps          {"1": {"mask_max", "mask_mean", "vocals_snr_db"}, "100": …, "2000": …, "20000": …}
    state_error    see `export.verification.measure`
    sdr_db         {"vocals", "accompaniment"}: BSS Eval v4, median over voice-active seconds of a song, mean over songs
    keras_sdr_db   the same for the network
    ops            how often each op occurs
    delegate       {"partitions", "outside"}: partitions that XNNPACK runs, and ops outside them; None for .onnx
    data           the songs and their excerpts, with a digest of the stems
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from common import markdown
from common.files import json_text, write_json, written_beside
from common.markdown import decibels
from export.accuracy.gates import is_builtin, reasons
from export.accuracy.quality import quality_of
from export.conversion import onnx_graph
from export.conversion.float_network import read_summary, require_network
from export.data.songs import Song, read_test_songs
from export.verification.measure import measure_song, measure_stream
from export.verification.measurement_pool import measure_all
from export.verification.ops import count_ops, delegated
from export.verification.reference import song_sdr, write_songs, write_stream
from keras_sep.errors import ModelFileError
from keras_sep.metadata import read_metadata
from keras_sep.models import OnlineNetwork
from keras_sep.spec import StreamSpec
from keras_sep.tflite.metadata import add_metadata
from keras_sep.tflite.quantise import PRECISIONS

SDR = "BSS Eval v4, 1 s frames; median over a song's voice-active frames, mean over songs"
FORMAT = 2  # raised when the measurement changes, so that results of an earlier version are not reused


def verify(folder: Path, data: Path, name: str | None = None, *, seconds: int, steps: int, jobs: int) -> dict[str, Any]:
    """Measures every file of `<name>.json` and writes the figures into it, and into the metadata of files that pass.

    Args:
        folder: output folder of `convert`.
        data: folder with `test/songs/<song>/{vocals,accompaniment}.*`.
        name: name of the files; None if the folder has one list only.
        seconds: length of the excerpt of each song with the loudest voice, ≥ 1; the SDR and the stream use it.
        steps: length of the stream, ≥ 1.
        jobs: number of processes, ≥ 1.

    Returns:
        The content of the new `<name>.json`.

    Raises:
        ValueError: a number is below 1, or the list, the songs or the network are missing or wrong.
        OSError: a measuring process died.
    """
    for option, value in (("seconds", seconds), ("steps", steps), ("jobs", jobs)):
        if value < 1:
            raise ValueError(f"--{option}: expected 1 or more. Received: {value}")
    summary = read_summary(folder, name)
    spec = StreamSpec.from_dict(summary["spec"])
    songs, about = read_test_songs(data, spec, seconds)
    network = require_network(folder / summary["network"]["file"], summary["network"])
    about |= {"steps": steps, "sdr": SDR}
    cache = _Cache(folder / f".verify-{summary['name']}", [FORMAT, summary["network"]["sha256"], about])
    refused = {file["file"]: _refusal(folder / file["file"], file, spec) for file in summary["files"]}
    measured = [file for file in summary["files"] if not refused[file["file"]]]
    keras_sdr = _reference(network, songs, steps, cache)
    results = _measure(folder, measured, spec, songs, steps, jobs, cache)
    for file in summary["files"]:
        found = refused[file["file"]]
        figures: dict[str, Any] = {"steps": {}, "state_error": None, "sdr_db": {}, "keras_sdr_db": keras_sdr}
        figures |= {"ops": {}, "delegate": None}
        if not found:
            path, result = folder / file["file"], results[file["file"]]
            figures["ops"] = count_ops(path)
            if isinstance(result, str):
                found = [result]
            else:
                figures |= {**result, "delegate": delegated(path)}
                found = reasons(file["precision"], figures)
        file["verification"] = {"passed": not found, "reasons": found, **figures, "data": about}
    _write(folder, summary)
    cache.delete()
    return summary


def failures(summary: dict[str, Any]) -> list[str]:
    """Returns one line for each file that must not be published, with the reasons."""
    return [
        f"{file['file']}: {'; '.join(file['verification']['reasons'])}"
        for file in summary["files"]
        if not file["verification"]["passed"]
    ]


class _Cache:
    """A cache of JSON values by name, valid for one question; values for another question are deleted."""

    def __init__(self, root: Path, question: Any):
        self._root = root
        self.path = root / hashlib.sha256(json.dumps(question).encode()).hexdigest()[:16]
        for other in root.glob("*"):
            if other != self.path:
                shutil.rmtree(other)
        self.path.mkdir(parents=True, exist_ok=True)

    def get(self, name: str) -> Any:
        try:
            return json.loads((self.path / f"{name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def put(self, name: str, value: Any) -> None:
        write_json(self.path / f"{name}.json", value)

    def delete(self) -> None:
        shutil.rmtree(self._root)


def _refusal(path: Path, file: dict[str, Any], spec: StreamSpec) -> list[str]:
    """Returns why a file is not measured: `convert` did not write it, or it needs more than builtin ops; else []."""
    if file["precision"] not in PRECISIONS:  # one of an earlier version
        return [f"expected a precision of {', '.join(PRECISIONS)}. Received: {file['precision']}"]
    try:
        content = path.read_bytes()
    except OSError as error:
        return [f"expected the file of convert. Received: {error.strerror}"]
    digest = hashlib.sha256(content).hexdigest()
    if digest != file["sha256"]:
        return [f"expected SHA-256 {file['sha256']}. Received: {digest}"]
    try:
        about = onnx_graph.read_metadata(content) if path.suffix == ".onnx" else read_metadata(content, path.name)
    except ModelFileError as error:
        return [str(error)]
    expected = {"graph": file["graph"], "precision": file["precision"], "spec": spec.to_dict()}
    if different := [key for key, value in expected.items() if about.get(key) != value]:
        key = different[0]
        return [f"expected {key} {expected[key]}. Received: {about.get(key)}"]
    if foreign := [op for op in count_ops(path) if not is_builtin(op)]:
        return [f"expected builtin ops only. Received: {', '.join(foreign)}"]
    return []


def _reference(network: OnlineNetwork, songs: list[Song], steps: int, cache: _Cache) -> dict[str, float | None]:
    """Computes the network's results unless the cache has them; returns its SDR by source, mean over songs."""
    spec = network.spec
    if cache.get("songs") is None:
        write_songs(songs, spec, cache.path)
        cache.put("songs", len(songs))
    with _bar(steps + sum(_num_steps(song, spec) for song in songs), "Keras") as bar:
        if not (cache.path / "stream.npz").exists():
            write_stream(network, cache.path, steps, bar.update)
        for index, song in enumerate(songs):
            if cache.get(f"keras-song{index}") is None:
                cache.put(f"keras-song{index}", _finite(song_sdr(network, song)))
                bar.update(_num_steps(song, spec))
    return _mean([cache.get(f"keras-song{index}") for index in range(len(songs))], spec)


def _measure(
    folder: Path,
    files: list[dict[str, Any]],
    spec: StreamSpec,
    songs: list[Song],
    steps: int,
    jobs: int,
    cache: _Cache,
) -> dict[str, Any]:
    """Returns `steps`, `state_error` and `sdr_db` of each file by name, or the error's text if a runtime refused it."""
    tasks: dict[str, tuple] = {}
    lengths = {}
    for file in files:
        path, digest = folder / file["file"], file["sha256"]
        tasks[f"{digest}-stream"] = (measure_stream, path, cache.path, steps)
        lengths[f"{digest}-stream"] = steps
        for index, song in enumerate(songs):
            stems = cache.path / "songs" / f"{index:04d}.npy"
            tasks[f"{digest}-song{index}"] = (measure_song, path, stems, song.active)
            lengths[f"{digest}-song{index}"] = _num_steps(song, spec)
    todo = {key: task for key, task in tasks.items() if cache.get(key) is None}
    finished = sum(length for key, length in lengths.items() if key not in todo)
    with _bar(sum(lengths.values()), f"{len(files)} files", finished) as bar:
        if todo:
            for key, result in measure_all(todo, jobs, bar.update):
                if isinstance(result, ValueError):
                    result = {"refused": str(result)}
                cache.put(key, result if isinstance(result, dict) else _finite(result))
    results: dict[str, Any] = {}
    for file in files:
        stream = cache.get(f"{file['sha256']}-stream")
        rows = [cache.get(f"{file['sha256']}-song{index}") for index in range(len(songs))]
        refused = [part["refused"] for part in (stream, *rows) if isinstance(part, dict) and "refused" in part]
        results[file["file"]] = refused[0] if refused else {**stream, "sdr_db": _mean(rows, spec)}
    return results


def _num_steps(song: Song, spec: StreamSpec) -> int:
    return len(song.active) * spec.sample_rate // spec.frame_step


def _mean(rows: list[list[float | None]], spec: StreamSpec) -> dict[str, float | None]:
    """Returns the mean over songs by source; None if any song has no value: a failure must not be left out."""
    columns = zip(spec.sources, zip(*rows, strict=True), strict=True)
    return {source: None if None in values else round(float(np.mean(values)), 4) for source, values in columns}


def _finite(values: list[float]) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values]


def _bar(total: int, what: str, done: int = 0) -> tqdm:
    # Without miniters, tqdm would show the steps of the slowest precision too rarely.
    return tqdm(
        total=total, initial=done, desc=what, unit="step", unit_scale=True, mininterval=0.5, miniters=1, delay=1
    )


def _write(folder: Path, summary: dict[str, Any]) -> None:
    """Writes the figures into the files' metadata and into `<name>.json`; the networks in the files stay the same."""
    with contextlib.ExitStack() as renamed:
        # All are written before any is renamed; the stack unwinds in reverse, so that the list is renamed last.
        listed = renamed.enter_context(written_beside(folder / f"{summary['name']}.json"))
        for file in summary["files"]:
            found, path = file["verification"], folder / file["file"]
            if not found["passed"]:
                continue
            quality = quality_of(found)
            content = path.read_bytes()
            if path.suffix == ".onnx":
                content = onnx_graph.add_metadata(content, {**onnx_graph.read_metadata(content), "quality": quality})
            else:
                content = add_metadata(content, {**read_metadata(content), "quality": quality})
            renamed.enter_context(written_beside(path)).write_bytes(content)
            file["sha256"], file["bytes"] = hashlib.sha256(content).hexdigest(), len(content)
        listed.write_text(json_text(summary), encoding="utf-8")


def table(summary: dict[str, Any]) -> str:
    """Formats all figures as a Markdown table: a row for the network, then one a file."""
    files = summary["files"]
    checkpoints = next((list(f["verification"]["steps"]) for f in files if f["verification"]["steps"]), [])
    keras_sdr = files[0]["verification"]["keras_sdr_db"]
    sources = list(keras_sdr)
    heads = ["file", "MB", *(f"step {n}: mask max / mean, vocals SNR" for n in checkpoints), "state error"]
    heads += [*(f"{source} SDR" for source in sources), "ops", "XNNPACK partitions; outside", ""]
    rows = [
        [
            "float Keras",
            f"{summary['network']['bytes'] / 1e6:.2f}",
            *["" for _ in checkpoints],
            "",
            *(_show_db(keras_sdr[source]) for source in sources),
            *["", "", ""],
        ]
    ]
    for file in files:
        found = file["verification"]
        row = [file["file"], f"{file['bytes'] / 1e6:.2f}"]
        row += [_show_step(found["steps"].get(n)) for n in checkpoints]
        row.append(_show(found["state_error"], "{:.2g}"))
        for source in sources:
            value, expected = found["sdr_db"].get(source), keras_sdr[source]
            change = "" if None in (value, expected) else f" ({decibels(value - expected, 3, sign=True)})"
            row.append(_show_db(value) + change)
        row += [_show_ops(found["ops"]), "", "passed" if found["passed"] else "FAILED"]
        if found["delegate"]:
            row[-2] = f"{found['delegate']['partitions']}; {_show_ops(found['delegate']['outside']) or 'none'}"
        rows.append(row)
    return markdown.table(heads, rows)


def _show_db(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{decibels(value, digits)} dB"


def _show(value: float | None, text: str) -> str:
    return "–" if value is None else text.format(value)


def _show_step(step: dict[str, float | None] | None) -> str:
    if step is None:
        return ""
    masks = "" if step["mask_max"] is None else f"{step['mask_max']:.2g} / {_show(step['mask_mean'], '{:.2g}')}, "
    return masks + _show_db(step["vocals_snr_db"], 1)


def _show_ops(ops: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in ops.items())
