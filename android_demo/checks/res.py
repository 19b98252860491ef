"""Resources by aapt2: compiled one library at a time, linked into an archive, numbered in R classes."""

import shutil
from pathlib import Path

import framework
import manifest
from artifacts import Library, libraries
from project import APP, TARGET, gradle, is_built, mark_built, run


class LinkedResources:
    """What a set of libraries gives: `apk` with manifest and resources, `manifest` as text, `classes` with R."""

    def __init__(self, folder: Path, linked: list[Library]) -> None:
        self.apk = folder / "resources.apk"
        self.manifest = folder / "AndroidManifest.xml"
        self.classes = folder / "classes"
        inputs = [library.file for library in linked] + [APP / "src/main/res", APP / "src/main/AndroidManifest.xml"]
        inputs += [APP / "src/main/assets", APP / "build.gradle.kts", Path(__file__), Path(manifest.__file__)]
        if is_built(folder, *inputs):
            return
        shutil.rmtree(folder, ignore_errors=True)
        manifest.write_manifest(linked, self.manifest)
        own = folder / "own.zip"
        run("aapt2", "compile", "--dir", APP / "src/main/res", "-o", own)
        overlays = [word for archive in [*_compiled(linked), own] for word in ("-R", archive)]
        packages = sorted({library.namespace for library in linked if library.has_resources})
        run(
            *("aapt2", "link", "-o", self.apk, "-I", _framework(), "--manifest", self.manifest),
            *("--java", folder / "java", "--extra-packages", ":".join(packages), "--non-final-ids"),
            *("--min-sdk-version", gradle("minSdk"), "--target-sdk-version", gradle("targetSdk")),
            *("-A", APP / "src/main/assets", "-0", ".tflite", "-0", ".flac", "--auto-add-overlay", *overlays),
        )
        run("javac", "--release", "11", "-d", self.classes, *sorted((folder / "java").rglob("R.java")))
        mark_built(folder, *inputs)


def app_resources() -> LinkedResources:
    return LinkedResources(TARGET / "resources/app", libraries("app"))


def test_resources() -> LinkedResources:
    return LinkedResources(TARGET / "resources/test", libraries("app") + libraries("debug"))


def _framework() -> Path:
    (jar,) = (library.file for library in libraries("framework"))
    folder = TARGET / "framework"
    if not is_built(folder, jar, Path(framework.__file__)):
        folder.mkdir(parents=True, exist_ok=True)
        framework.write_framework(jar, folder / "framework.apk")
        mark_built(folder, jar, Path(framework.__file__))
    return folder / "framework.apk"


def _compiled(linked: list[Library]) -> list[Path]:
    archives = []
    for library in linked:
        resources = library.folder and library.folder / "res"
        if resources and any(file.is_file() for file in resources.rglob("*")):
            archive = TARGET / "compiled" / f"{library.file.stem}.zip"
            if not archive.exists():
                archive.parent.mkdir(parents=True, exist_ok=True)
                run("aapt2", "compile", "--dir", resources, "-o", archive)
            archives.append(archive)
    return archives
