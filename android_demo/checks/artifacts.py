"""Libraries from Maven Central: artifacts.txt resolved by Maven, archives of Android libraries unpacked."""

import re
import shutil
import zipfile
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from xml.sax.saxutils import escape

from project import CHECKS, TARGET, CheckError, is_built, mark_built, run, versions

PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
SECTIONS = ("app", "debug", "test", "framework", "tools")


@dataclass(frozen=True)
class Library:
    """An artifact on this machine. An .aar is unpacked; a .jar has classes alone."""

    file: Path

    @cached_property
    def folder(self) -> Path | None:
        if self.file.suffix != ".aar":
            return None
        folder = TARGET / "libraries" / self.file.stem
        if not is_built(folder, self.file):
            shutil.rmtree(folder, ignore_errors=True)
            with zipfile.ZipFile(self.file) as archive:
                archive.extractall(folder)
            mark_built(folder, self.file)
        return folder

    @property
    def classes(self) -> list[Path]:
        if self.folder is None:
            return [self.file]
        return [self.folder / "classes.jar", *sorted(self.folder.glob("libs/*.jar"))]

    @property
    def manifest(self) -> Path | None:
        return self.folder / "AndroidManifest.xml" if self.folder else None

    @property
    def namespace(self) -> str:
        """The package of its R class."""
        found = re.search(r'package="([^"]+)"', self.manifest.read_text()) if self.manifest else None
        if not found:
            raise CheckError(f"expected a manifest with a package in {self.file.name}. Received: none")
        return found[1]

    @property
    def has_resources(self) -> bool:
        """Whether its code refers to an R class, its own resources or those of the libraries below it."""
        return self.folder is not None and (text := self.folder / "R.txt").exists() and text.stat().st_size > 0


def libraries(section: str) -> list[Library]:
    return [Library(Path(line)) for line in _resolve()[section]]


def classpath(section: str) -> list[Path]:
    return [jar for library in libraries(section) for jar in library.classes]


@cache
def _resolve() -> dict[str, list[str]]:
    """One Maven project for each section of artifacts.txt; asked only when the list has changed."""
    poms = {section: _pom(section, coordinates) for section, coordinates in _sections().items()}
    folder = TARGET / "maven"
    if not is_built(folder, *poms.values()) or not all(Path(p).exists() for p in _lines(folder)):
        shutil.rmtree(folder, ignore_errors=True)
        for section, pom in poms.items():
            (folder / section).mkdir(parents=True)
            (folder / section / "pom.xml").write_text(pom)
        modules = "".join(f"<module>{section}</module>" for section in SECTIONS)
        (folder / "pom.xml").write_text(_project("all", f"<packaging>pom</packaging><modules>{modules}</modules>"))
        run("mvn", "-B", "-q", "-f", folder / "pom.xml", PLUGIN, "-Dmdep.outputFile=classpath")
        mark_built(folder, *poms.values())
    return {section: (folder / section / "classpath").read_text().strip().split(":") for section in SECTIONS}


def _lines(folder: Path) -> list[str]:
    return [path for section in SECTIONS for path in (folder / section / "classpath").read_text().strip().split(":")]


def _sections() -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for line in (CHECKS / "artifacts.txt").read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            section.append(line.format(**versions()))
    return sections


def _pom(section: str, coordinates: list[str]) -> str:
    return _project(section, f"<dependencies>{''.join(map(_dependency, coordinates))}</dependencies>")


def _dependency(coordinate: str) -> str:
    """group:artifact:version[:type]; a type of "+" is a jar with all that it depends on."""
    group, name, version, kind = [*coordinate.split(":"), "jar"][:4]
    alone = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
    return (
        f"<dependency><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{escape(version)}</version>"
        f"<type>{'jar' if kind == '+' else kind}</type>{'' if kind == '+' else alone}</dependency>\n"
    )


def _project(name: str, body: str) -> str:
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>org.kerassep.checks</groupId><artifactId>{name}</artifactId><version>1</version>\n{body}</project>\n"
    )
