"""Additional music without voice for a data set, from packages of Debian's main archive.

Networks generalise better to new voices than to new music (docs/research). The games of a free distribution come with
hours of music under free licences: rock, electronic and orchestral. Needs the commands apt-get and dpkg-deb, hence
Debian or Ubuntu, but no root rights.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import soundfile

from common.files import made_anew
from common.song_stems import AUDIO_SUFFIXES, folders_below
from training.data.datasets.folder import manifest

# Package → part of the path of its music. Packages with sung words are left out.
PACKAGES = {
    "asc-music": "asc/music/",
    "extremetuxracer-data": "etr/music/",
    "fillets-ng-data": "fillets-ng/music/",
    "fretsonfire-songs-muldjord": "songs/",
    "fretsonfire-songs-sectoid": "songs/",
    "frozen-bubble-data": "snd/",
    "hedgewars-data": "Data/Music/",
    "hyperrogue-music": "music/",
    "megaglest-data": "/music/",
    "nexuiz-music": "",
    "singularity-music": "music/",
    "supertux-data": "music/",
    "supertuxkart-data": "data/music/",
    "warzone2100-music": "music/",
    "wesnoth-1.16-music": "core/music/",
    "xmoto-data": "Musics/",
}
CHOIRS = ("nunc_dimittis.ogg", "elf-land.ogg")  # left out, because they hold a choir or something like one
SHORTEST_S = 20.0
SINGLE = ("guitar", "rhythm")  # names, without suffix, of files with a single instrument
FIELDS = ("path", "split", "kind", "seconds", "channels", "licence", "licence_family", "source", "original_path")


def gather(data: Path, out: Path, seconds: float | None = None) -> str:
    """Creates a data set of links to another, with the music of PACKAGES added to its training instrumentals.

    The packages' copyright files are copied next to their music.

    Args:
        data: folder of stems with a manifest.csv.
        out: folder to create.
        seconds: length of the excerpt from the middle of each piece, ≥ 20, for a smaller data set; it is cut without
            decoding, which needs the command ffmpeg. None for whole pieces.

    Returns:
        One line: how many files, minutes and packages were added.

    Raises:
        ValueError: `out` exists, `data` has no manifest, `seconds` is too short, a command is missing, or a package
            cannot be fetched or unpacked.
    """
    if out.exists():
        raise ValueError(f"{out}: expected a folder to be made. Received: one that is there")
    if not (data / "manifest.csv").exists():
        raise ValueError(f"{data}: expected a data set with manifest.csv. Received: none")
    if seconds is not None and not seconds >= SHORTEST_S:
        raise ValueError(f"--seconds: expected at least {SHORTEST_S:g}. Received: {seconds:g}")
    commands = ("apt-get", "dpkg-deb", *(("ffmpeg",) if seconds else ()))
    if missing := [name for name in commands if not shutil.which(name)]:
        raise ValueError(f"gather: expected the commands {', '.join(commands)}. Received: no {', '.join(missing)}")
    with made_anew(out) as part:
        rows = _fill(part, data, seconds)
    minutes = sum(float(row["seconds"]) for row in rows) / 60
    return f"{len(rows)} files, {minutes:.0f} minutes of music from {len(PACKAGES)} packages: {out}"


def _fill(part: Path, data: Path, seconds: float | None) -> list[dict[str, str]]:
    """Writes links, music and manifest into `part`; returns the manifest's rows of the music."""
    known = list(manifest(data).values())
    files = sorted(file for folder in folders_below(data.resolve()) for file in folder.iterdir() if file.is_file())
    for source in (file for file in files if file.name != "manifest.csv"):
        link = part / source.relative_to(data.resolve())
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)
    rows = [row for package, where in PACKAGES.items() for row in _fetch(package, where, part, seconds)]
    with (part / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys([*(known[0] if known else ()), *FIELDS])))
        writer.writeheader()
        writer.writerows([*known, *rows])
    return rows


def _fetch(package: str, where: str, root: Path, seconds: float | None = None) -> list[dict[str, str]]:
    """Copies the music of one package below `root`; returns its rows of the manifest."""
    print(f"fetching {package}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        done = subprocess.run(["apt-get", "download", package], cwd=here, capture_output=True, text=True)
        files = list(here.glob("*.deb"))
        if done.returncode or not files:
            raise ValueError(f"apt-get download {package}: {done.stderr.strip() or 'no file'}")
        done = subprocess.run(["dpkg-deb", "-x", str(files[0]), str(here / "files")], capture_output=True, text=True)
        if done.returncode:
            raise ValueError(f"dpkg-deb -x {files[0].name}: {done.stderr.strip() or f'ended with {done.returncode}'}")
        for archive in sorted((here / "files").rglob("*.pk3")):
            try:
                with zipfile.ZipFile(archive) as content:
                    content.extractall(archive.with_suffix(""))
            except zipfile.BadZipFile as error:
                raise ValueError(f"{package}: expected a zip file. Received: {archive.name}, {error}") from error
        folder_out = root / "train" / "instrumentals" / package
        folder_out.mkdir(parents=True)
        copyright_file = here / "files" / "usr" / "share" / "doc" / package / "copyright"
        if copyright_file.is_file():
            shutil.copy(copyright_file, folder_out / "copyright")
        rows, seen = [], set()
        for source in sorted(p for p in (here / "files").rglob("*") if p.suffix.lower() in AUDIO_SUFFIXES):
            original = source.relative_to(here / "files").as_posix()
            digest = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""
            if source.name in CHOIRS or where not in original or not digest or digest in seen or source.is_symlink():
                continue
            seen.add(digest)
            try:
                info = soundfile.info(source)
            except soundfile.LibsndfileError:
                continue
            if info.duration < SHORTEST_S or info.channels > 2:
                continue
            target = folder_out / original.removeprefix("usr/share/").replace("/", "_").replace(" ", "_")
            length = info.duration if seconds is None else min(seconds, info.duration)
            if length == info.duration:
                shutil.copy(source, target)
            elif problem := _cut(source, target, (info.duration - length) / 2, length):
                print(f"left out {original}: {problem}", file=sys.stderr, flush=True)
                continue
            rows.append(
                {
                    "path": target.relative_to(root).as_posix(),
                    "split": "train",
                    "kind": "instrument_track" if source.stem in SINGLE else "instrumental",
                    "seconds": f"{length:.1f}",
                    "channels": str(info.channels),
                    "licence": f"free, see the package's copyright file ({files[0].name.split('_')[1]})",
                    "licence_family": "free",
                    "source": f"debian:{package}",
                    "original_path": original,
                }
            )
        return rows


def _cut(source: Path, target: Path, start: float, seconds: float) -> str:
    """Cuts `seconds` out of a file, from `start` to within a second; returns the error in a line, or ""."""
    # Whole seconds: from a fraction of one, ffmpeg cuts Opus files that libsndfile refuses as broken.
    where = ["-ss", f"{start:.0f}", "-t", f"{seconds:.2f}", "-i", str(source), "-map", "0:a:0"]
    command = ["ffmpeg", "-v", "error", "-nostdin", *where, "-c", "copy", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if not done.returncode:
        return ""
    target.unlink(missing_ok=True)
    return (done.stderr.strip().splitlines() or [f"ffmpeg ended with {done.returncode}"])[-1]
