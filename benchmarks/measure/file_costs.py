"""The whole of `python -m benchmarks costs`: the cost of each file, rounds of steps, `keras-sep separate`."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.measure.footprint import footprint
from benchmarks.measure.isolated_call import isolated_call
from benchmarks.measure.measured_files import MeasuredFile, converted, listed, shipped
from benchmarks.measure.random_files import SIZES, convert_random
from benchmarks.measure.rounds import measure_in_rounds
from benchmarks.measure.separate_command import measure_separate
from benchmarks.peers.speech import require_peers
from benchmarks.tables.bounds import bounds, bounds_table
from benchmarks.tables.file_tables import file_table, reference_line, separate_table, stream_table
from common.document import require_markers, write_between_markers
from common.files import require_folder, write_json
from common.machine import machine


def measure_files(
    folders: tuple[Path, ...],
    *,
    random: tuple[str, ...],
    peers: Path | None,
    out: Path | None,
    write: Path | None,
    long_minutes: int,
    rounds: int,
    steps: int,
) -> dict[str, Any]:
    """Measures files, prints the tables, and writes the figures.

    Args:
        folders: output folders of `python -m export convert`; none for the default preset.
        random: sizes of `BinMemoryUnet` that are measured with random weights, for their cost alone; needs TensorFlow.
        peers: folder with dtln/ and gtcrn/, or None.
        out: JSON file for the figures, or None.
        write: document with the markers benchmark: begin and end, or None.
        long_minutes: length of the long song; 0 leaves `keras-sep separate` out.
        rounds: number of rounds in which all files take turns, ≥ 1.
        steps: most steps of one file in a round, ≥ 1.

    Returns:
        The figures that `out` holds: the machine, the reference, and rows of files, streams and bounds.

    Raises:
        ValueError: an argument is wrong or something that it needs is missing; found before anything is measured.
    """
    # A folder or size that is given twice is measured once.
    folders, random = tuple({folder.resolve(): folder for folder in folders}.values()), tuple(dict.fromkeys(random))
    files = [file for folder in folders for file in converted(folder)] if folders else shipped()
    _require(random, peers, out, write, long_minutes, rounds, steps)
    with tempfile.TemporaryDirectory(prefix="keras-sep-bench-") as name:
        temporary = Path(name)
        for size in random:
            _say(f"converting size {size} with random weights")
            files += listed(isolated_call(convert_random, size, name, one_thread=False), temporary)
        footprints = [
            isolated_call(footprint, str(file.path))
            for file in tqdm(files, desc="load and memory", unit="file", leave=False)
        ]
        ours = [file for file in files if not file.random and file.path.suffix == ".tflite"]
        arguments = ([str(f.path) for f in files], [str(f.path) for f in ours], peers and str(peers), rounds, steps)
        timed = isolated_call(measure_in_rounds, *arguments, quiet=False)
        figures: dict[str, Any] = {"machine": machine(), "rounds": rounds, **timed}
        reference = figures["sgemm_gflops"]
        figures["files"] = [
            _file_row(*parts, reference) for parts in zip(files, footprints, timed["files"], strict=True)
        ]
        figures["streams"] = [_stream_row(row, ours) for row in timed["streams"]]
        printed = [reference_line(figures), file_table(figures)]
        if figures["streams"]:
            printed.append(stream_table(figures["streams"]))
        print("\n\n".join(printed), flush=True)
        if long_minutes:
            _say("keras-sep separate, some minutes")
            figures["separate"] = measure_separate(temporary, long_minutes)
            printed.append(separate_table(figures["separate"]))
            print(f"\n{printed[-1]}", flush=True)
    figures["bounds"] = bounds(figures)
    printed.append(bounds_table(figures["bounds"]))
    print(f"\n{printed[-1]}", flush=True)
    if out:
        write_json(out, figures)
    if write:
        write_between_markers(write, "benchmark", "\n\n".join(printed))
    return figures


def _require(
    random: tuple[str, ...],
    peers: Path | None,
    out: Path | None,
    write: Path | None,
    long_minutes: int,
    rounds: int,
    steps: int,
) -> None:
    """Refuses wrong arguments before the hour of measuring, and prints which peers will be missing."""
    for name, value, least in (("--rounds", rounds, 1), ("--steps", steps, 1), ("--minutes", long_minutes, 0)):
        if value < least:
            raise ValueError(f"{name}: expected at least {least}. Received: {value}")
    if unknown := [size for size in random if size not in SIZES]:
        raise ValueError(f"--random: expected some of {', '.join(SIZES)}. Received: {', '.join(unknown)}")
    if random and not importlib.util.find_spec("tensorflow"):
        raise ValueError('--random: expected TensorFlow (`pip install -e ".[train]"`). Received: none')
    if out:
        require_folder(out)
    if write:
        require_markers(write, "benchmark")
    if peers is None:
        _say("no peers: no --peers DIR is given")
        return
    require_peers(peers)
    if not importlib.util.find_spec("onnxruntime"):
        _say("peers without GTCRN, which needs onnxruntime")


def _file_row(file: MeasuredFile, footprint: dict[str, Any], times: dict[str, float], sgemm: float) -> dict[str, Any]:
    macs = footprint["macs"]
    gflops = None if macs is None else 2 * macs / times["p50_ms"] / 1e6
    return {
        "label": file.label,
        "name": file.name,
        "size": file.size,
        "graph": file.graph,
        "precision": file.precision,
        "format": file.path.suffix[1:],
        "random": file.random,
        "bytes": file.path.stat().st_size,
        **footprint,
        **times,
        "rtf": times["p50_ms"] / file.step_ms,
        "gflops": gflops,
        "share_of_sgemm": None if gflops is None else gflops / sgemm,
        "sdr_db": file.sdr_db,
    }


def _stream_row(row: dict[str, Any], ours: list[MeasuredFile]) -> dict[str, Any]:
    labels = {str(file.path): file.label for file in ours}
    steps_per_second = row["sample_rate"] / row["block"]
    name = row.pop("name")
    return {"label": labels.get(name, name), **row, "ms_per_second": row["p50_ms"] * steps_per_second}


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
