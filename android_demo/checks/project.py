"""Where things lie, what the Gradle files say, and how a tool is run."""

import re
import subprocess
from pathlib import Path

CHECKS = Path(__file__).resolve().parent
DEMO = CHECKS.parent
REPOSITORY = DEMO.parent
APP = DEMO / "app"
CORE = DEMO / "core"
TARGET = CHECKS / "target"


class CheckError(Exception):
    """One line that says what was expected and what was found, and below it what a tool printed."""


def run(*command: object) -> str:
    """Runs a tool and returns what it printed."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    except FileNotFoundError:
        raise CheckError(f"expected the program {words[0]} on the PATH. Received: none") from None
    if done.returncode != 0:
        raise CheckError(f"{Path(words[0]).name} exited with {done.returncode}\n{done.stdout.strip()}")
    return done.stdout


def java(classpath: list[Path], *arguments: object) -> str:
    """Runs a Java program and returns what it printed."""
    return run(*_java(classpath), *arguments)


def java_aloud(classpath: list[Path], *arguments: object) -> None:
    """Runs a Java program that prints as it goes."""
    done = subprocess.run([*_java(classpath), *map(str, arguments)])
    if done.returncode != 0:
        raise CheckError(f"java exited with {done.returncode}")


def _java(classpath: list[Path]) -> list[str]:
    """For programs that live for seconds: the second compiler of the JVM would cost them more than it gives."""
    return ["java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx3g", "-cp", join(classpath)]


def join(classpath: list[Path]) -> str:
    return ":".join(map(str, classpath))


def is_built(folder: Path, *inputs: object) -> bool:
    """Whether `folder` was built from these inputs; empties it if not. Call `mark_built` when it is."""
    return (mark := folder / ".inputs").exists() and mark.read_text() == _describe(inputs)


def mark_built(folder: Path, *inputs: object) -> None:
    (folder / ".inputs").write_text(_describe(inputs))


def _describe(inputs: tuple[object, ...]) -> str:
    lines = []
    for value in inputs:
        files = sorted(value.rglob("*")) if isinstance(value, Path) and value.is_dir() else [value]
        for file in files:
            if isinstance(file, Path):
                if file.is_file():
                    lines.append(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}")
            else:
                lines.append(str(file))
    return "\n".join(lines)


def versions() -> dict[str, str]:
    """The version catalogue of the Gradle build."""
    catalogue = (DEMO / "gradle/libs.versions.toml").read_text()
    return dict(re.findall(r'^([\w-]+) = "([^"]+)"', catalogue.split("[libraries]")[0], re.MULTILINE))


def gradle(name: str) -> str:
    """A value of the application's Gradle file: namespace, minSdk, targetSdk, versionCode, versionName."""
    found = re.search(rf'^\s*{name} = "?([^"\s]+)"?$', (APP / "build.gradle.kts").read_text(), re.MULTILINE)
    if not found:
        raise CheckError(f"expected '{name} = …' in app/build.gradle.kts. Received: no such line")
    return found[1]


def listed(name: str) -> list[str]:
    """The lines of a list beside this file, without comments."""
    return [line for line in (CHECKS / name).read_text().splitlines() if line and not line.startswith("#")]
