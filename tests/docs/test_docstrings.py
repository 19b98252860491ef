"""Docstrings read alike, see `VERBLESS` and `FORBIDDEN`; every public name of keras_sep has an example that runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# Examples that convert or train a network, or start Ray, take a few seconds.
SLOW = ("keras_sep.tflite.", "keras_sep.separation.Separation", "keras_sep.cluster.session")

# A first word with which a phrase has no subject.
VERBLESS = re.compile(
    "(What|Which|Whose|When|Where|Why|How|That|If|Because|So|And|Or|But|Not|"
    "Of|As|By|From|In|Into|On|To|For|With|Without|At|Behind|Beside|Below|Above)"
)
# Plurals that look like verbs: a class or module may begin with them, a function may not.
PLURALS = re.compile("(Arrays|Bands|Bins|Blocks|Errors|Keys|Layers|Losses|Magnitudes|Masks|Names|Samples|Sizes)")
# Verbs that do not look like one.
VERBS = {"Does", "Is", "Has"}
FORBIDDEN = {
    r"\bat last\b": "in a final stage",
    r"\bbeside (the|a|an|its|their|them|it)\b": "relative to, next to, or as well as",
    r"\bof (one's|its|their|his|your) own\b": "one's own …, or separate",
    r"\bheard\b": "trained on, or audible",
}

Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _modules(package: str = "keras_sep") -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        yield name, path


def _public(path: Path) -> Iterator[ast.ClassDef | ast.FunctionDef]:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            yield node


def _documented(tree: ast.Module) -> Iterator[tuple[Documented, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text is not None:
                yield node, text


def _is_property(node: Documented) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(ast.unparse(decorator).split(".")[-1] in ("property", "cached_property") for decorator in decorators)


def _faults(node: Documented, text: str) -> Iterator[str]:
    """Yields what is wrong with a docstring."""
    first = text.split("\n\n")[0].replace("\n", " ").strip()
    word = re.match(r"[A-Za-z]*", first)[0]
    if not first.endswith("."):
        yield "expected a full stop at the end of the first line"
    if not re.match(r"[A-Z0-9`\"]", first):
        yield "expected a capital letter at the beginning"
    if VERBLESS.fullmatch(word):
        yield "expected a phrase with a verb or a noun, not a clause without a subject"
    verb = word in VERBS or (bool(re.fullmatch(r"[A-Z][a-z]*[^s]s", word)) and not PLURALS.fullmatch(word))
    if isinstance(node, (ast.Module, ast.ClassDef)) or _is_property(node):
        if verb:
            yield "expected a noun phrase"
    elif not verb and word != "Whether":
        yield "expected a verb phrase, such as 'Returns …'"
    for pattern, instead in FORBIDDEN.items():
        for found in re.findall(pattern, text, re.IGNORECASE):
            yield f"expected {instead} in place of {found!r}"


def _findings(path: Path) -> list[str]:
    source = path.read_text(encoding="utf-8")
    return [
        f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)} {fault}: {text.splitlines()[0]}"
        for node, text in _documented(ast.parse(source))
        for fault in _faults(node, text)
    ]


@pytest.mark.parametrize("package", ["keras_sep", "common", "training", "export", "benchmarks", "fuzz", "plugin"])
def test_docstrings_read_alike(package):
    paths = [path for _, path in _modules(package)]
    assert len(paths) > 4
    assert [finding for path in paths for finding in _findings(path)] == []


@pytest.mark.parametrize(
    "source",
    [
        '"""What is done to a song."""',
        'def f():\n    """Song."""',
        'def f():\n    """Separates a song"""',
        'class C:\n    """Separates songs."""',
        '"""Of a run."""',
        '"""A song. At last it ends."""',
        'class C:\n    """A level of its own."""',
    ],
)
def test_a_docstring_of_another_form_is_found(source):
    faults = [fault for node, text in _documented(ast.parse(source)) for fault in _faults(node, text)]
    assert len(faults) == 1


def test_every_public_name_has_an_example():
    names = [(name, node) for name, path in _modules() for node in _public(path)]
    assert len(names) > 60
    without = [f"{name}.{node.name}" for name, node in names if ">>>" not in (ast.get_docstring(node) or "")]
    assert without == []


def _examples() -> Iterator[object]:
    for module, path in _modules():
        for node in _public(path):
            name = f"{module}.{node.name}"
            marks = [pytest.mark.slow("converts or trains a network, or starts Ray")] if name.startswith(SLOW) else []
            yield pytest.param(module, node.name, id=name, marks=marks)


@pytest.mark.parametrize(("module", "name"), list(_examples()))
def test_an_example_runs(module, name, tmp_path, monkeypatch):
    """In an empty folder, with no names but those that it imports."""
    monkeypatch.chdir(tmp_path)
    documented = getattr(importlib.import_module(module), name)
    for found in doctest.DocTestFinder().find(documented, name, module=False, globs={}):
        if found.examples:
            assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(found).failed == 0
