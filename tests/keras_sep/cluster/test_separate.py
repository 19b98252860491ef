"""`keras-sep separate --cluster`: on this machine alone, and on clusters of several nodes of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyarrow import parquet

from benchmarks.measure.ray_nodes import RayNodes, ray_nodes
from keras_sep.batch.plan import Request
from keras_sep.batch.records import made_by
from keras_sep.cluster.manifest import NAME
from keras_sep.cluster.places import Place
from keras_sep.cluster.separate import plan_catalogue
from keras_sep.outputs import FileOptions
from tests.support.commands import here, process
from tests.support.listening import listening
from tests.support.object_store import ENVIRONMENT, object_store
from tests.support.paths import GOLDEN

UNIT = GOLDEN / "unit-mask-float32.tflite"
NUM_SONGS = 40
TIMEOUT_S = 600
clusters = pytest.mark.slow("starts nodes of Ray, and separates songs on them")


def separate(*arguments: str | os.PathLike, run=here, **options) -> subprocess.CompletedProcess[str]:
    return run("separate", "--model", UNIT, *arguments, **options)


def rows(out: Path) -> dict[str, dict]:
    """The manifest, by the names of the songs."""
    return {Path(row["song"]).name: row for row in parquet.read_table(out / NAME).to_pylist()}


def stems(out: Path) -> dict[str, bytes]:
    found = (path for path in out.rglob("*.wav") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in found}


# Without a cluster: what is decided before there is one.


def test_a_dry_run_says_what_would_be_made(songs, tmp_path):
    result = separate(songs, "-o", tmp_path / "out", "--cluster", "local", "--dry-run", "--stems", "vocals")
    assert result.returncode == 0
    assert f"{songs}/live/b.flac -> {tmp_path}/out/live/b/vocals.wav" in result.stdout.splitlines()
    assert (
        f"{songs}/cover.jpg: skipped: not an audio or film file by its suffix (--include takes others)" in result.stdout
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-"], "--cluster: expected files and folders. Received: -"),
        (["none"], "none: expected a folder, a song, a pattern or a list of songs. Received: nothing there"),
        (["tape://a"], "tape://a: expected a path or a URI of pyarrow's. Received: "),
        (
            ["songs", "--name", "x"],
            "songs/a.wav: all of its stems would be written to x.wav: expected {stem} in --name",
        ),
        (["songs", "--name", "{stem}"], "would both be written to vocals.wav"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_starts(songs, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    result = separate(*arguments, "-o", "out", "--cluster", "local")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert says in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_with_other_files_is_left_alone(songs, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("dear")
    result = separate(songs, "-o", tmp_path / "out", "--cluster", "local")
    assert result.returncode == 1
    assert "expected a new folder, or one with the manifest of an earlier run" in result.stderr


def test_no_output_replaces_an_input(songs, tmp_path):
    arguments = ["--name", "{name}", "--stems", "vocals", "--overwrite", "--cluster", "local"]
    result = separate(f"{songs}/*.wav", "-o", songs, *arguments)
    assert result.returncode == 1
    assert "cannot write: it is an input" in result.stderr


# On this machine alone.


def test_a_cluster_of_this_machine(songs, tmp_path):
    """Stems to the bit, a row a song, and what failed with its reason."""
    (songs / "live" / "b.flac").write_bytes(b"no sound")
    out, cluster = tmp_path / "out", ("--cluster", "local", "--jobs", "1")
    result = separate(songs, "-o", out, *cluster)
    assert result.returncode == 1
    error, summary = result.stderr.splitlines()
    assert error.startswith(f"keras-sep: error: {songs}/live/b.flac: ")
    assert re.fullmatch(r"keras-sep: 3 songs, 0\.00 hours of audio, \d+\.\d × real time, 1 failures", summary)
    found = {name: bool(row["error"]) for name, row in rows(out).items()}
    assert found == {"a.wav": False, "b.flac": True, "c [1].wav": False}
    assert f"keras-sep: error: {rows(out)['b.flac']['error']}" == error
    (songs / "live" / "b.flac").unlink()
    assert separate(songs, "-o", tmp_path / "local").returncode == 0
    assert stems(out) == stems(tmp_path / "local")
    # All is there: nothing starts. What is made of something else stays.
    assert separate(songs, "-o", out, *cluster).stderr == "keras-sep: 2 songs have their stems already\n"
    result = separate(songs, "-o", out, *cluster, "--stems", "vocals")
    assert result.returncode == 1
    assert result.stderr.count("with other gains; --overwrite replaces them") == 2


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({}, None),
        ({"bytes": None, "mtime_ns": None}, None),  # it was in a list of remote songs
        ({"bytes": 1}, "made before the song changed"),
        ({"stems": [{"path": "elsewhere/vocals.wav"}]}, "under other names; --overwrite makes them anew"),
    ],
)
def test_what_the_manifest_knows(songs, tmp_path, change, problem):
    target, song = Place.parse(str(tmp_path / "out")), songs / "a.wav"
    options, mixes = FileOptions(), {"vocals": {"vocals": 1.0}}
    request = Request([], Path(), mixes, "0" * 64, "base")
    facts = {"bytes": song.stat().st_size, "mtime_ns": song.stat().st_mtime_ns, "error": None}
    made = {
        "stems": [{"path": str(target / "a/vocals.wav")}],
        "made_by": json.dumps(made_by(mixes, options, request.model, request.model_name)),
    }

    class Known:
        def newest(self):
            return {str(song): {**facts, **made, **change}}

    plan = plan_catalogue([str(song)], target, request, Known())
    assert plan.to_do == []
    assert plan.num_made == (problem is None)
    assert [problem in line for line in plan.problems] == ([True] if problem else [])


@clusters
def test_a_second_run_makes_what_is_missing(songs, tmp_path):
    whole = (songs / "live" / "b.flac").read_bytes()
    (songs / "live" / "b.flac").write_bytes(b"no sound")
    out, cluster = tmp_path / "out", ("--cluster", "local", "--jobs", "1")
    assert separate(songs, "-o", out, *cluster).returncode == 1
    (songs / "live" / "b.flac").write_bytes(whole)
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.wav")}
    result = separate(songs, "-o", out, *cluster)
    assert (result.returncode, result.stderr.count("\n")) == (0, 1)
    assert result.stderr.startswith("keras-sep: 1 songs, ")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert separate(songs, "-o", tmp_path / "local").returncode == 0
    assert stems(out) == stems(tmp_path / "local")
    assert not any(row["error"] for row in rows(out).values())


@pytest.mark.command
def test_nothing_listens_beyond_this_machine(songs, tmp_path):
    command = [sys.executable, "-m", "keras_sep.cli", "separate", songs, "-o", tmp_path / "out", "--cluster", "local"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE)
    seen: set[str] = set()
    while running.poll() is None:
        seen |= listening(running.pid)
        time.sleep(0.1)
    assert running.returncode == 0
    assert seen  # it has listened
    assert seen <= {"0100007F", "0000000000000000FFFF00000100007F", "00000000000000000000000001000000"}


# On several nodes.


@pytest.fixture(scope="module")
def many(once) -> Path:
    """Songs of every format, and what the command makes of them without a cluster."""

    def make(folder: Path) -> None:
        from benchmarks.measure.cluster import make_songs

        make_songs(folder / "songs", NUM_SONGS, 2.0)
        assert separate(folder / "songs", "-o", folder / "local", "--quiet").returncode == 0

    return once("catalogue", make)


@pytest.fixture
def nodes() -> Iterator[Callable[[int], RayNodes]]:
    """nodes(count) → a cluster."""
    with contextlib.ExitStack() as stack:
        yield lambda count: stack.enter_context(ray_nodes(count))


def begin(many: Path, out: Path, cluster: RayNodes, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "keras_sep.cli", "separate", "--model", UNIT, many / "songs", "-o", out]
    command += ["--cluster", cluster.address, *more]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, env=cluster.environment)


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def made(out: Path) -> int:
    return len(list(out.rglob("accompaniment.wav")))


@clusters
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_cluster_of_nodes_makes_the_same_stems(many, tmp_path, nodes, count):
    command = begin(many, tmp_path / "out", nodes(count))
    errors = command.communicate(timeout=TIMEOUT_S)[1]
    assert command.returncode == 0, errors
    assert errors.startswith(f"keras-sep: {NUM_SONGS} songs, 0.02 hours of audio, ")
    assert stems(tmp_path / "out") == stems(many / "local")
    assert {row["tries"] for row in rows(tmp_path / "out").values()} == {1}


@clusters
@pytest.mark.parametrize("victim", ["node", "worker"])
def test_a_death_costs_the_songs_in_flight_a_second_try(many, tmp_path, nodes, victim):
    out, cluster = tmp_path / "out", nodes(2)
    command = begin(many, out, cluster)
    wait_for(lambda: made(out) >= 5)
    if victim == "node":
        cluster.kill(cluster.nodes[-1])
    else:
        os.kill(cluster.workers()[0], signal.SIGKILL)
    errors = command.communicate(timeout=TIMEOUT_S)[1]
    assert command.returncode == 0, errors
    assert stems(out) == stems(many / "local")
    assert sum(row["tries"] > 1 for row in rows(out).values()) <= 1
    assert len(rows(out)) == NUM_SONGS


@clusters
def test_a_killed_command_goes_on(many, tmp_path, nodes):
    out, cluster = tmp_path / "out", nodes(2)
    command = begin(many, out, cluster)
    wait_for(lambda: (out / NAME).is_dir() and len(rows(out)) >= 5)
    command.kill()
    command.communicate()
    done = rows(out)
    before = {path: path.stat().st_mtime_ns for row in done.values() for path in (Path(row["stems"][0]["path"]),)}
    command = begin(many, out, cluster)
    errors = command.communicate(timeout=TIMEOUT_S)[1]
    assert command.returncode == 0, errors
    assert stems(out) == stems(many / "local")
    assert {path: path.stat().st_mtime_ns for path in before} == before  # none is done twice
    assert not list(out.rglob("*.part"))


@clusters
@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_target(many, tmp_path, nodes):
    """It is said, with every song that has no room; with room, the same command makes what is missing."""
    out, cluster = tmp_path / "out", nodes(1)
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", out], check=True)
    try:
        command = begin(many, out, cluster)
        errors = command.communicate(timeout=TIMEOUT_S)[1]
        assert command.returncode == 1
        assert "cannot write: No space left on device" in errors
        assert all(stem == (many / "local" / path).read_bytes() for path, stem in stems(out).items())
        assert not list(out.rglob("*.part"))
        subprocess.run(["mount", "-o", "remount,size=100m", out], check=True)
        command = begin(many, out, cluster)
        errors = command.communicate(timeout=TIMEOUT_S)[1]
        assert command.returncode == 0, errors
        assert stems(out) == stems(many / "local")
    finally:
        subprocess.run(["umount", out], check=True)


@clusters
def test_from_a_bucket_into_a_bucket(many, tmp_path, nodes, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with object_store("music") as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        cluster = nodes(2)
        songs = sorted(path for path in (many / "songs").rglob("*") if path.is_file())[:10]
        for path in songs:
            with path.open("rb") as file:
                (Place.parse("s3://music/in") / path.name).take(file)
        arguments = ["separate", "--model", str(UNIT), "s3://music/in", "-o", "s3://music/out"]
        result = process(
            *arguments, "--cluster", cluster.address, env={**os.environ, **cluster.environment}, timeout=600
        )
        assert result.returncode == 0, result.stderr
        for path in songs:
            with (Place.parse("s3://music/out") / path.stem / "vocals.wav").here(tmp_path) as stem:
                assert stem.read_bytes() == (many / "local" / path.parent.name / path.stem / "vocals.wav").read_bytes()
        result = process(
            *arguments, "--cluster", cluster.address, env={**os.environ, **cluster.environment}, timeout=600
        )
        assert result.stderr == "keras-sep: 10 songs have their stems already\n"
