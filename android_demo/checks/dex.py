"""Class files to dex files: desugared, then translated by dx. Libraries apart from the application: they rarely change."""

import shutil
from pathlib import Path

from artifacts import classpath
from kotlin import compile_app, compile_core
from project import CHECKS, TARGET, CheckError, is_built, java, join, mark_built, run
from res import app_resources


def dex_files() -> list[Path]:
    """The application's, then those of its libraries."""
    own = _dex("app", [compile_core(), compile_app(), app_resources().classes])
    return own + _dex("libraries", classpath("app"))


def desugared(name: str, inputs: list[Path]) -> Path:
    """A folder of jars, one for each input."""
    folder, tool = TARGET / "desugared" / name, _desugar()
    if not is_built(folder, tool, *inputs):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        pairs = [word for k, source in enumerate(inputs) for word in (source, folder / f"{k:03}.jar")]
        java([tool, *_asm()], "Desugar", *pairs)
        mark_built(folder, tool, *inputs)
    return folder


def _dex(name: str, inputs: list[Path]) -> list[Path]:
    folder, jars = TARGET / "dex" / name, desugared(name, inputs)
    if not is_built(folder, jars):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        java(
            *(_tools("dalvik-dx-"), "com.android.dx.command.Main", "--dex", "--multi-dex", "--num-threads=2"),
            *("--min-sdk-version=26", f"--output={folder}", *sorted(jars.glob("*.jar"))),
        )
        mark_built(folder, jars)
    return sorted(folder.glob("*.dex"), key=lambda dex: (len(dex.name), dex.name))


def _desugar() -> Path:
    """The compiled tool, after a sample did the same with and without it."""
    folder, sources = TARGET / "desugar", CHECKS / "java"
    if not is_built(folder, sources):
        shutil.rmtree(folder, ignore_errors=True)
        sample = folder / "sample"
        javac = ("javac", "--release", "11", "-d")
        run(*javac, sample, sources / "DesugarSample.java")
        run(*javac, folder, "-cp", join(_asm()), "-sourcepath", sources, sources / "Desugar.java")
        java([folder, *_asm()], "Desugar", sample, folder / "sample.jar")
        before, after = java([sample], "DesugarSample"), java([folder / "sample.jar"], "DesugarSample")
        if before != after:
            raise CheckError(f"expected of the desugared sample\n{before}Received:\n{after}")
        mark_built(folder, sources)
    return folder


def _asm() -> list[Path]:
    return _tools("asm-")


def _tools(prefix: str) -> list[Path]:
    return [jar for jar in classpath("tools") if jar.name.startswith(prefix)]
