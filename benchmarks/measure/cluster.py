"""`keras-sep separate --cluster` on Ray clusters of this machine, in comparison with the command without it."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pyarrow import parquet

from benchmarks.measure.cluster_scale import measure_scale
from benchmarks.measure.ray_nodes import RayNodes, ray_nodes
from common import example_song
from common.document import require_markers, write_between_markers
from common.machine import machine
from common.markdown import table
from keras_sep.audio import FORMATS, AudioReader, AudioWriter

CORRUPT = 10
SCALE_SONGS, HANDED_OUT = 100_000, 500
NODES = (1, 2, 4)
NOTES = (
    "A song is an excerpt of the example, in one of the formats of `--format`. Songs/s: between the first stem and the "
    "last, by the files' times, without starting and ending. CPU: of the command and, on a cluster, of its nodes from "
    "the command's begin to its end, all processes together. Nodes have one core to give away each, which are those of "
    "one machine: more nodes than free cores show the overhead, not a gain. Lost: stems that are not there at the end. "
    "Done twice: songs tried again after a death, or whose stems the command made anew when it was given again. The "
    "last table is of the command alone: songs that it plans, writes down and hands out, without separating any."
)


def measure_cluster(num_songs: int, seconds: float, write: Path | None) -> str:
    """Measures throughput and faults.

    Args:
        num_songs: ≥ 20.
        seconds: of a song.
        write: document with the cluster: begin and end markers.

    Returns:
        The tables in Markdown.

    Raises:
        ValueError: too few songs, or no markers.
    """
    if num_songs < 20:
        raise ValueError(f"--songs: expected at least 20. Received: {num_songs}")
    if write:
        require_markers(write, "cluster")
    with tempfile.TemporaryDirectory(prefix="keras-sep-cluster-") as name:
        folder = Path(name)
        songs = make_songs(folder / "songs", num_songs, seconds)
        text = f"{machine()}. {num_songs} songs of {seconds:g} s.\n\n{_throughput(folder, songs, seconds)}\n\n"
        text += f"{_faults(folder, songs)}\n\n{measure_scale(SCALE_SONGS, HANDED_OUT)}\n\n{NOTES}"
    if write:
        write_between_markers(write, "cluster", text)
    return text


def make_songs(folder: Path, count: int, seconds: float) -> Path:
    """Excerpts of the example in every format, in two folders."""
    for number in range(count):
        format = sorted(FORMATS)[number % len(FORMATS)]
        path = folder / f"{number % 2}" / f"song {number:03} {format}{FORMATS[format].suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        start = (number * 0.613) % (25 - seconds) if seconds < 25 else 0.0
        with AudioReader(example_song.MIXTURE, start, seconds) as reader:
            writer = AudioWriter(path, reader.sample_rate, reader.num_channels, format)
            writer.open()
            for block in reader.blocks():
                writer.write(block)
            writer.finish()
            writer.commit()
    return folder


@dataclass
class Separation:
    """A command that separates, and what has become of it.

    Args:
        songs, out: its arguments.
        options: further ones.
        environment: of its process.
    """

    songs: Path
    out: Path
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "keras_sep.cli", "separate", str(self.songs), "-o", str(self.out)]
        return subprocess.Popen(
            [*command, *self.options], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment
        )

    def rows(self) -> list[dict]:
        """Returns the manifest."""
        return parquet.read_table(self.out / "manifest.parquet").to_pylist()

    def stems(self) -> dict[str, str]:
        """Returns the SHA-256 of each stem, by its path below the output folder."""
        paths = sorted(path for path in self.out.rglob("*.wav") if not path.name.startswith("."))
        return {str(p.relative_to(self.out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}

    def songs_per_second(self) -> float:
        times = sorted(path.stat().st_mtime for path in self.out.rglob("vocals.wav"))
        return (len(times) - 1) / (times[-1] - times[0])


def _throughput(folder: Path, songs: Path, seconds: float) -> str:
    rows: list[list[str]] = []
    reference: dict[str, str] = {}
    for jobs in (1, 2):
        local = Separation(songs, folder / f"local-{jobs}", ("--jobs", str(jobs), "--quiet"))
        children, begin = _children_cpu(), time.monotonic()
        local.start().communicate()
        took, cpu = time.monotonic() - begin, _children_cpu() - children
        reference = reference or local.stems()
        rows.append(_row(f"without a cluster, --jobs {jobs}", local, took, cpu, reference))
    for count in NODES:
        with ray_nodes(count) as nodes:
            on = Separation(songs, folder / f"nodes-{count}", ("--cluster", nodes.address), nodes.environment)
            children, begin = _children_cpu(), time.monotonic()
            with nodes.counting_cpu() as used:
                on.start().communicate()
            took, cpu = time.monotonic() - begin, sum(used.values()) + _children_cpu() - children
            rows.append(_row(f"{count} node{'s' * (count > 1)}", on, took, cpu, reference))
    return table(["", "songs/s", "whole command, s", "CPU, s", "stems that differ"], rows)


def _children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _row(name: str, run: Separation, took: float, cpu: float, reference: Mapping[str, str]) -> list[str]:
    differ = sum(reference.get(path) != sha for path, sha in run.stems().items()) + len(reference) - len(run.stems())
    return [name, f"{run.songs_per_second():.2f}", f"{took:.1f}", f"{cpu:.1f}", str(differ)]


def _faults(folder: Path, songs: Path) -> str:
    local = Separation(songs, folder / "local-1").stems()
    cases: list[tuple[str, Callable[[RayNodes, Separation, subprocess.Popen[str]], None]]] = [
        ("a node killed", lambda nodes, run, command: nodes.kill(nodes.nodes[-1])),
        ("a worker killed", lambda nodes, run, command: os.kill(nodes.workers()[0], signal.SIGKILL)),
        ("the command killed, and given again", lambda nodes, run, command: command.kill()),
    ]
    rows = []
    for name, harm in cases:
        with ray_nodes(2) as nodes:
            run = Separation(songs, folder / name, ("--cluster", nodes.address), nodes.environment)
            command = run.start()
            _wait_for(run, len(local) // 2 // 4)
            harm(nodes, run, command)
            command.communicate()
            before = {}
            if command.returncode:
                before = {path: path.stat().st_mtime for path in run.out.rglob("vocals.wav")}
                command = run.start()
                command.communicate()
            twice = sum(row["tries"] > 1 for row in run.rows())
            twice += sum(path.stat().st_mtime != then for path, then in before.items())
            rows.append(_fault_row(name, run, local, twice))
    with ray_nodes(2) as nodes:
        for number in range(CORRUPT):
            (songs / f"corrupt {number}.mp3").write_bytes(np.random.default_rng(number).bytes(20000))
        run = Separation(songs, folder / "corrupt", ("--cluster", nodes.address), nodes.environment)
        run.start().communicate()
        rows.append(_fault_row(f"{CORRUPT} corrupt songs", run, local, sum(row["tries"] > 1 for row in run.rows())))
    return table(["", "lost", "done twice", "failed", "stems that differ"], rows)


def _fault_row(name: str, run: Separation, local: Mapping[str, str], twice: int) -> list[str]:
    stems = run.stems()
    failed = [row for row in run.rows() if row["error"]]
    differ = sum(local[path] != sha for path, sha in stems.items())
    return [name, str(len(local.keys() - stems.keys())), str(twice), str(len(failed)), str(differ)]


def _wait_for(run: Separation, songs: int) -> None:
    """Waits until so many songs are separated."""
    end = time.monotonic() + 600
    while len(list(run.out.rglob("vocals.wav"))) < songs:
        if time.monotonic() > end:
            raise ValueError(f"{run.out}: expected {songs} songs within 10 minutes")
        time.sleep(0.1)
