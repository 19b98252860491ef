"""Class files to dex files: desugared, then translated by dx; libraries apart, because they rarely change."""

import shutil
from pathlib import Path

from artifacts import classpath
from kotlin import compile_app, compile_core
from project import CHECKS, TARGET, CheckError, is_built, java, join, mark_built, run
from res import app_resources

JAVAC = ("javac", "--release", "11", "-d")


def dex_files() -> list[Path]:
    """The application's, then those of its libraries."""
    return _dex("app", desugared_app()) + _dex("libraries", desugared_libraries())


def desugared_app() -> list[Path]:
    return _desugared("app", [compile_core(), compile_app(), app_resources().classes])


def desugared_libraries() -> list[Path]:
    return _desugared("libraries", classpath("app"))


def _desugared(name: str, inputs: list[Path]) -> list[Path]:
    """A jar for each input."""
    folder, tool = TARGET / "desugared" / name, _desugar()
    if not is_built(folder, tool, *inputs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pairs = [word for k, source in enumerate(inputs) for word in (source, folder / f"{k:03}.jar")]
        java([tool, *_asm()], "Desugar", *pairs)
        mark_built(folder, tool, *inputs)
    return sorted(folder.glob("*.jar"))


def _dex(name: str, jars: list[Path]) -> list[Path]:
    folder = TARGET / "dex" / name
    if not is_built(folder, *jars):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        java(
            *(_tools("dalvik-dx-"), "com.android.dx.command.Main", "--dex", "--multi-dex", "--num-threads=2"),
            *("--min-sdk-version=26", f"--output={folder}", *jars),
        )
        mark_built(folder, *jars)
    return sorted(folder.glob("*.dex"), key=lambda dex: (len(dex.name), dex.name))


def _desugar() -> Path:
    """The compiled tool, after a sample did the same with and without it."""
    folder, sources = TARGET / "desugar", CHECKS / "java"
    if not is_built(folder, sources):
        shutil.rmtree(folder, ignore_errors=True)
        run(*JAVAC, folder, "-cp", join(_asm()), "-sourcepath", sources, sources / "Desugar.java")
        sample = TARGET / "desugar-sample"
        run(*JAVAC, sample, sources / "DesugarSample.java")
        java([folder, *_asm()], "Desugar", sample, sample / "desugared.jar")
        before, after = java([sample], "DesugarSample"), java([sample / "desugared.jar"], "DesugarSample")
        if before != after:
            raise CheckError(f"expected of the desugared sample\n{before}Received:\n{after}")
        mark_built(folder, sources)
    return folder


def _asm() -> list[Path]:
    return _tools("asm-")


def _tools(prefix: str) -> list[Path]:
    return [jar for jar in classpath("tools") if jar.name.startswith(prefix)]
