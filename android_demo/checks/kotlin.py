"""Kotlin sources to class files: this is the type check of the whole application, its warnings are errors."""

import shutil
from pathlib import Path

from artifacts import classpath
from project import APP, CORE, TARGET, is_built, java, join, mark_built
from res import app_resources, test_resources

CLASSES = TARGET / "classes"


def compile_core() -> Path:
    """Pure Kotlin: sees neither Android nor AndroidX."""
    return _compile("core", CORE / "src/main/kotlin", _stdlib())


def compile_app() -> Path:
    below = [compile_core(), app_resources().classes, *classpath("app"), *classpath("framework")]
    return _compile("app", APP / "src/main/kotlin", below, _compose())


def compile_app_tests() -> Path:
    app = compile_app()
    below = [compile_core(), test_resources().classes, *classpath("app"), *classpath("test"), *classpath("framework")]
    return _compile("app-test", APP / "src/test/kotlin", [app, *below], _compose(), f"-Xfriend-paths={app}")


def _stdlib() -> list[Path]:
    return [jar for jar in classpath("app") if jar.name.startswith(("kotlin-stdlib-", "annotations-"))]


def _compose() -> str:
    (plugin,) = (jar for jar in classpath("tools") if jar.name.startswith("kotlin-compose-compiler-plugin"))
    return f"-Xplugin={plugin}"


def _compile(name: str, sources: Path, below: list[Path], *options: str) -> Path:
    out = CLASSES / name
    if is_built(out, sources, *below):
        return out
    shutil.rmtree(out, ignore_errors=True)
    java(
        *(classpath("tools"), "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler", "-Werror", "-no-stdlib", "-no-reflect"),
        *("-jvm-target", "11", "-Xjdk-release=11", "-module-name", name, *options),
        *("-classpath", join(below), "-d", out, sources),
    )
    mark_built(out, sources, *below)
    return out
