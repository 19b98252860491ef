"""More music from packages: a package is made here, and handed out by an apt-get of our own."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.needs import needs_ffmpeg
from training.__main__ import main
from training.data.datasets import debian_music, load_split

needs_dpkg = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="dpkg-deb, of Debian, is not here")

MUSIC = "usr/share/games/tune/music"


def write(path: Path, seconds: float, channels: int = 2, rate: int = 22050) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.name)).standard_normal((int(seconds * rate), channels))
    soundfile.write(path, 0.1 * noise, rate)


@pytest.fixture
def data(tmp_path) -> Path:
    root = tmp_path / "data"
    write(tmp_path / "elsewhere/a.ogg", 3)
    (root / "train").mkdir(parents=True)
    (root / "train/voices").symlink_to(tmp_path / "elsewhere")
    write(root / "train/songs/one/vocals.ogg", 3)
    write(root / "train/songs/one/accompaniment.ogg", 3)
    rows = ["path,kind,licence,licence_family,note", "train/voices/a.ogg,voice,CC0,free,a scale"]
    (root / "manifest.csv").write_text("\n".join(rows) + "\n")
    return root


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A folder with a package of music, a sound effect, a twin, a choir and a .pk3, and with the files in it."""
    root = tmp_path_factory.mktemp("package")
    files = root / "files"
    music = files / MUSIC
    write(music / "rock song.ogg", 3)
    write(music / "guitar.ogg", 4, channels=1)
    write(music / "choirs" / "rock song.ogg", 6)  # of the same name
    soundfile.write(music / "coded.opus", 0.1 * np.ones((3 * 48000, 2)), 48000, format="OGG", subtype="OPUS")
    write(music / "click.ogg", 0.5)
    write(music / "choir.ogg", 3.5)
    write(files / "usr/share/games/tune/speech/talk.ogg", 3)
    shutil.copy(music / "rock song.ogg", music / "twin.ogg")
    write(root / "pack/music/packed.ogg", 5)
    with zipfile.ZipFile(music / "more.pk3", "w") as pack:
        pack.write(root / "pack/music/packed.ogg", "music/packed.ogg")
    copyright_file = files / "usr/share/doc/tune-music/copyright"
    copyright_file.parent.mkdir(parents=True)
    copyright_file.write_text("CC-BY-SA")
    (files / "DEBIAN").mkdir()
    control = [
        "Package: tune-music",
        "Version: 1.2",
        "Architecture: all",
        "Maintainer: a <a@example.org>",
        "Description: b",
    ]
    (files / "DEBIAN/control").write_text("\n".join(control) + "\n")
    build = ["dpkg-deb", "-Znone", "--build", str(files), str(root / "tune-music_1.2_all.deb")]
    subprocess.run(build, check=True, capture_output=True)
    return root


@pytest.fixture
def archive(package, tmp_path, monkeypatch) -> None:
    """`apt-get download tune-music` gives the package."""
    command = tmp_path / "bin/apt-get"
    command.parent.mkdir()
    deb = package / "tune-music_1.2_all.deb"
    command.write_text(f'#!/bin/sh\n[ "$2" = tune-music ] || {{ echo "E: no $2" >&2; exit 100; }}\ncp "{deb}" .\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(debian_music, "PACKAGES", {"tune-music": "music/"})
    monkeypatch.setattr(debian_music, "CHOIRS", ("choir.ogg",))
    monkeypatch.setattr(debian_music, "SHORTEST_S", 2.0)


@needs_dpkg
def test_music_stands_beside_the_data_with_its_licence(data, archive, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["gather", "--data", str(data), "--out", str(out)]) == 0
    assert "5 files, 0 minutes of music from 1 packages" in capsys.readouterr().out
    folder = out / "train/instrumentals/tune-music"
    assert (folder / "copyright").read_text() == "CC-BY-SA"
    with (out / "manifest.csv").open() as file:
        first, *rows = csv.DictReader(file)
    assert (first["path"], first["note"]) == ("train/voices/a.ogg", "a scale")
    kinds = {Path(row["path"]).name: row["kind"] for row in rows}
    assert kinds == {
        "games_tune_music_rock_song.ogg": "instrumental",
        "games_tune_music_choirs_rock_song.ogg": "instrumental",
        "games_tune_music_coded.opus": "instrumental",
        "games_tune_music_guitar.ogg": "instrument_track",
        "games_tune_music_more_music_packed.ogg": "instrumental",
    }
    assert {(row["licence_family"], row["source"]) for row in rows} == {("free", "debian:tune-music")}
    assert "(1.2)" in rows[0]["licence"]
    pool = load_split(out, "train", tmp_path / "cache", 44100, licences="free", progress=False)
    assert (len(pool.instrumentals), len(pool.instrument_tracks), len(pool.voices)) == (4, 1, 1)
    # A second time it is left alone.
    assert main(["gather", "--data", str(data), "--out", str(out)]) == 1
    assert "expected a folder to be made" in capsys.readouterr().err


@needs_dpkg
@needs_ffmpeg
def test_so_much_of_each_piece_from_its_middle(data, archive, package, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["gather", "--data", str(data), "--out", str(out), "--seconds", "2.5"]) == 0
    assert "5 files" in capsys.readouterr().out
    with (out / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["source"]]
    assert {row["seconds"] for row in rows} == {"2.5"}
    whole = package / "files" / MUSIC / "rock song.ogg"
    part = out / "train/instrumentals/tune-music/games_tune_music_rock_song.ogg"
    for row in rows:
        assert soundfile.info(out / row["path"]).duration == pytest.approx(2.5, abs=0.1)
    # The noise is that of the piece, from somewhere in it.
    a, b = (soundfile.read(path)[0][:, 0] for path in (whole, part))
    size = 1 << 18
    match = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b[4000:30000], size)))
    assert match.max() > 0.95 * np.sum(b[4000:30000] ** 2)
    with pytest.raises(ValueError, match=r"--seconds: expected at least 2. Received: 1"):
        debian_music.gather(data, tmp_path / "new", 1)


@needs_dpkg
@pytest.mark.parametrize(("says", "reason"), [("echo torn >&2;", "torn"), ("", "ffmpeg ended with 3")])
def test_a_piece_that_cannot_be_cut_is_left_out(data, archive, tmp_path, capsys, says, reason):
    broken = tmp_path / "bin/ffmpeg"
    broken.write_text(f"#!/bin/sh\n{says} exit 3\n")
    broken.chmod(0o755)
    assert main(["gather", "--data", str(data), "--out", str(tmp_path / "out"), "--seconds", "4.5"]) == 0
    found = capsys.readouterr()
    assert f"packed.ogg: {reason}" in found.err
    assert "3 files" in found.out  # those that are shorter; another was too long, as well
    assert not list((tmp_path / "out").rglob("*packed*"))


@needs_dpkg
def test_a_package_that_cannot_be_had_leaves_nothing(data, archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(debian_music, "PACKAGES", {"other-music": ""})
    assert main(["gather", "--data", str(data), "--out", str(tmp_path / "out")]) == 1
    assert "apt-get download other-music: E: no other-music" in capsys.readouterr().err
    assert not list(tmp_path.glob("*out*"))
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize(
    ("unpacks", "message"),
    [
        ("echo torn >&2; exit 2", "dpkg-deb -x tune-music_1.2_all.deb: torn"),
        ("exit 2", "dpkg-deb -x tune-music_1.2_all.deb: ended with 2"),
        (
            'mkdir -p "$3"; echo torn > "$3/a.pk3"',
            "tune-music: expected a zip file. Received: a.pk3, File is not a zip",
        ),
    ],
)
@needs_dpkg
def test_a_package_that_cannot_be_unpacked_is_named(data, archive, tmp_path, capsys, unpacks, message):
    command = tmp_path / "bin/dpkg-deb"
    command.write_text(f"#!/bin/sh\n{unpacks}\n")
    command.chmod(0o755)
    assert main(["gather", "--data", str(data), "--out", str(tmp_path / "out")]) == 1
    assert f"error: {message}" in capsys.readouterr().err
    assert not list(tmp_path.glob(".out*"))


def test_elsewhere_the_missing_commands_are_named(data, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="no apt-get, dpkg-deb"):
        debian_music.gather(data, tmp_path / "out")


def test_data_without_a_manifest_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"manifest\.csv"):
        debian_music.gather(tmp_path, tmp_path / "out")
