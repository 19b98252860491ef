"""The rules of the house: who imports whom, what `import keras_sep` loads, where tests lie, sizes and versions."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from keras_sep import __version__
from tests.support.paths import ROOT, tracked

HEAVY = ("tensorflow", "keras", "jax", "torch")

# module → the modules of keras_sep that it imports, from the ground up: each comes after those.
IMPORTS: dict[str, set[str]] = {
    "_version": set(),
    "environment": set(),
    "interrupts": set(),
    "errors": set(),
    "spec": set(),
    "assets": set(),
    "resampler": set(),
    "losses": set(),
    "extra_losses": {"losses"},
    "metadata": {"errors"},
    "audio": {"audio", "errors", "interrupts", "resampler"},
    "signal": {"spec"},
    "store": {"errors"},
    "presets": {"errors", "spec", "store"},
    "web": {"errors", "store"},
    "desktop": {"errors"},
    "models": {"models", "presets", "spec"},
    "teachers": {"models"},
    "separation": {"extra_losses", "losses", "models", "teachers"},
    "inference": {"models", "signal"},
    "tflite": {"_version", "metadata", "models", "signal", "tflite"},
    "runtime": {"errors", "metadata", "spec"},
    "engine": {"runtime", "signal", "spec"},
    "outputs": {"audio", "errors"},
    "separator": {"audio", "engine", "errors", "outputs", "presets", "resampler", "runtime"},
    "live": {"audio", "errors", "live", "outputs", "resampler", "separator", "spec"},
    "batch": {"_version", "audio", "batch", "errors", "outputs", "separator"},
    "cluster": {"_version", "audio", "batch", "cluster", "environment", "errors", "outputs", "separator"},
    "__init__": {"_version", "errors", "presets", "separator", "spec", "store"},
    "cli": {
        "_version",
        "audio",
        "batch",
        "cluster",
        "desktop",
        "errors",
        "interrupts",
        "live",
        "outputs",
        "presets",
        "separator",
        "store",
        "web",
    },
}
NEEDS_KERAS = {"models", "losses", "extra_losses", "teachers", "separation", "inference", "tflite"}
# The folders of a checkout, from the floor up, and what each of them may know beside keras_sep.
FLOORS: dict[str, set[str]] = {
    "common": set(),
    "training": {"common"},
    "export": {"common"},
    "benchmarks": {"common"},
    "plugin": {"common"},
    "fuzz": {"common", "export", "tests", "training"},  # a tool of the tests, which ends every command
}

# Below tests/, but none of the tree's folders.
FOR_TESTS = {"support", "golden", "data"}

# Git keeps every version of a file for ever, and whoever clones gets them all. The largest network as it is trained,
# a .keras file of 7.1 MB, is what there is room for.
LARGEST_FILE = 8 * 2**20


@functools.cache
def _imports(path: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def _imports_at_import(path: Path) -> set[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in body if isinstance(node, ast.ImportFrom) and node.module
    }


def _module(path: Path) -> str:
    return path.relative_to(ROOT / "keras_sep").parts[0].removesuffix(".py")


def test_keras_sep_is_built_from_the_ground_up():
    found: dict[str, set[str]] = {}
    for path in (ROOT / "keras_sep").rglob("*.py"):
        module, imports = _module(path), _imports(path)
        assert module in IMPORTS, f"{path}: a new module needs a place in the layout"
        own = {name.split(".")[1] for name in imports if name.startswith("keras_sep.")}
        own = {name for name in own if (ROOT / "keras_sep" / name).exists() or (ROOT / f"keras_sep/{name}.py").exists()}
        assert own <= IMPORTS[module], f"{path} imports {sorted(own - IMPORTS[module])}"
        found.setdefault(module, set()).update(own)
        tops = {name.split(".")[0] for name in imports}
        assert not tops & {*FLOORS, "examples", "tests"}, path
        if module not in NEEDS_KERAS:
            assert not tops & set(HEAVY), f"{path}: the runtime needs neither TensorFlow nor Keras"
    assert found == IMPORTS, "what is no longer imported is not allowed any longer, either"


def test_no_module_knows_one_above_it():
    below: set[str] = set()
    for module, imports in IMPORTS.items():
        below.add(module)
        assert imports <= below, f"{module} imports {sorted(imports - below)}"
        assert module in NEEDS_KERAS or not imports & NEEDS_KERAS, f"{module} would load Keras"


def test_each_folder_knows_the_floors_below_it_only():
    for folder, below in FLOORS.items():
        others = {*FLOORS, "examples", "tests"} - below - {folder}
        for path in (ROOT / folder).rglob("*.py"):
            assert not others & {name.split(".")[0] for name in _imports(path)}, path


def _folder(name: str) -> str:
    """The folder of what an import names, "training.data" of "training.data.stems.Song".

    A module directly in keras_sep counts by itself: IMPORTS has the order of those.
    """
    parts = name.split(".")
    while parts:
        path = ROOT.joinpath(*parts)
        if path.is_dir():
            return "keras_sep.__init__" if parts == ["keras_sep"] else ".".join(parts)
        if path.with_suffix(".py").is_file():
            return ".".join(parts if parts[:-1] == ["keras_sep"] else parts[:-1])
        parts.pop()
    return ""


def _folder_graph(tops: set[str]) -> dict[str, set[str]]:
    """For each folder of Python modules, at every depth, the folders that its own modules import from."""
    graph: dict[str, set[str]] = {}
    for top in sorted(tops):
        for path in (ROOT / top).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            names = _imports(path)
            # `from training.data import stems` imports a module of the folder, not the folder's own names.
            last = {other for other in names if not any(each.startswith(f"{other}.") for each in names)}
            folders = {_folder(other) for other in last if other.split(".")[0] in tops}
            graph.setdefault(_folder(name), set()).update(folders - {_folder(name)})
    return graph


def _cycle(graph: Mapping[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


@pytest.mark.parametrize("top", ["keras_sep", *FLOORS])
def test_no_folders_import_each_other_in_a_cycle(top):
    graph = _folder_graph({top})
    assert graph
    assert not _cycle(graph)


def test_a_cycle_of_folders_is_found():
    assert _cycle(_folder_graph({"training"}) | {"training.data": {"training.engine"}})
    assert not _cycle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_only_the_conversion_knows_tensorflow():
    within = set()
    for folder in ("keras_sep", "common", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            if "tensorflow" not in {name.split(".")[0] for name in _imports(path)}:
                continue
            if path.parent == ROOT / "keras_sep" / "tflite":
                continue
            within.add(path.name)
            assert "tensorflow" not in {name.split(".")[0] for name in _imports_at_import(path)}, path
    # Inside a function, where the backend is TensorFlow.
    assert within == {"parallel.py", "fused_normalisation.py", "fused_recurrence.py", "loss_gradients.py"}


def test_import_is_light():
    code = "import sys, keras_sep; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {*HEAVY, "soundfile", "ai_edge_litert"} & set(modules)
    code = "import sys; from keras_sep import Separator; Separator(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(modules)
    assert "keras_sep.separator" in modules


def test_no_test_is_imported_by_another():
    for path in (ROOT / "tests").rglob("*.py"):
        own = {name for name in _imports(path) if name.startswith("tests.")}
        others = {name for name in own if name.split(".")[1] not in ("support", "golden")}
        assert not others, f"{path}: what tests share is in tests/support. Received: {sorted(others)}"


def test_a_files_name_says_which_it_is():
    names = [path.name for path in (ROOT / "training").rglob("*.py") if path.name not in ("__init__.py", "__main__.py")]
    assert sorted(names) == sorted(set(names))


def test_tests_lie_as_the_tree_does():
    for path in (ROOT / "tests").rglob("*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        assert (path.parent / "__init__.py").is_file(), f"{path}: two tests of one name need packages"
        if not FOR_TESTS & set(folder.parts):
            assert (ROOT / folder).is_dir(), f"{path}: there is no folder {folder}"


def test_files_stay_small():
    sizes = {name: (ROOT / name).stat().st_size for name in tracked()}
    assert "keras_sep/assets/presets.json" in sizes
    assert {name: size for name, size in sizes.items() if size > LARGEST_FILE} == {}


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("CITATION.cff", r"^version: (.*)"),
        ("CHANGELOG.md", r"^## (\d\S*)"),
        ("android_demo/app/build.gradle.kts", r'versionName = "(.*)"'),
        ("android_demo/pom.xml", r"<version>(.*?)</version>"),
        ("android_demo/core/pom.xml", r"<version>(.*?)</version>"),
    ],
)
def test_every_file_states_the_version_of_the_package(name, pattern):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.search(pattern, text, re.MULTILINE)[1] == __version__
