"""Time of a step of the .tflite files in a folder, measured in turn with the shipped files."""

from __future__ import annotations

from pathlib import Path

from benchmarks.measure.isolated_call import isolated_call
from benchmarks.measure.measured_files import shipped
from benchmarks.measure.rounds import measure_in_rounds
from benchmarks.tables.file_tables import number, reference_line
from common.machine import machine
from common.markdown import table
from keras_sep.metadata import read_metadata


def compare_steps(folder: Path, rounds: int, steps: int) -> str:
    """Times the steps of all files in turn, in one process.

    Args:
        folder: holds .tflite files of ours, of any release.
        rounds: number of rounds in which all files take turns, ≥ 1.
        steps: most steps of one file in a round, ≥ 1.

    Returns:
        A reference line and a table in Markdown. The ratio in the table is the p50 of the shipped file over that of the
        folder's file of the same graph and precision: below 1 where the shipped one is faster.

    Raises:
        ValueError: the folder holds no .tflite file, or a count is below 1.
    """
    for option, value in (("--rounds", rounds), ("--steps", steps)):
        if value < 1:
            raise ValueError(f"{option}: expected at least 1. Received: {value}")
    others = sorted(folder.glob("*.tflite"))
    if not others:
        raise ValueError(f"{folder}: expected a folder with .tflite files. Received: none")
    ours = {(file.graph, file.precision): file.path for file in shipped()}
    kinds = {path: _kind(path) for path in others}
    paths = [*ours.values(), *others]
    figures = isolated_call(measure_in_rounds, list(map(str, paths)), [], None, rounds, steps, quiet=False)
    times = dict(zip(paths, figures["files"], strict=True))
    rows = []
    for path in paths:
        cells = [str(path) if path in kinds else f"shipped: {path.name}"]
        cells += [number(times[path][key], 3) for key in ("p50_ms", "p99_ms")]
        same = ours.get(kinds[path]) if path in kinds else None
        cells.append(number(times[same]["p50_ms"] / times[path]["p50_ms"], 2) if same else "–")
        rows.append(cells)
    heads = ["file, one thread", "p50 ms", "p99 ms", "p50 of the shipped file / p50"]
    return f"{reference_line({**figures, 'machine': machine()})}\n\n{table(heads, rows)}"


def _kind(path: Path) -> tuple[str, str]:
    metadata = read_metadata(path.read_bytes(), str(path))
    return metadata["graph"], metadata["precision"]
