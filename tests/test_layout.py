"""The rules of the house: who imports whom, what is in the wheel, what `import keras_sep` loads."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("tensorflow", "keras", "jax", "torch")

# module → the modules of keras_sep it may import, from the ground up.
GROUND = {"spec", "errors", "metadata", "_version"}
ALLOWED = {
    "_version": set(),
    "errors": set(),
    "spec": set(),
    "metadata": {"errors"},
    "signal": {"spec"},
    "models": GROUND | {"signal", "models"},
    "losses": set(),
    "teachers": set(),
    "streaming": GROUND | {"models"},
    "separation": {"losses", "streaming", "teachers"},
    "offline": GROUND | {"signal", "engine", "streaming"},
    "runtime": GROUND | {"signal"},
    "engine": GROUND | {"signal", "runtime"},
    "audio": {"errors"},
    "resampler": set(),
    "presets": GROUND,
    "web": GROUND | {"presets"},
    "separator": GROUND | {"signal", "runtime", "engine", "audio", "resampler", "presets"},
    "live": GROUND | {"audio", "resampler", "separator", "live"},
    "cli": GROUND | {"web", "presets", "separator", "live"},
    "__init__": GROUND | {"separator"},
    "assets": set(),
}
NEEDS_KERAS = {"models", "losses", "teachers", "streaming", "separation", "offline"}


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _imports_at_import(path: Path) -> set[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names} | {
        node.module for node in body if isinstance(node, ast.ImportFrom) and node.module
    }


def _module(path: Path) -> str:
    return path.relative_to(ROOT / "keras_sep").parts[0].removesuffix(".py")


def test_keras_sep_is_built_from_the_ground_up():
    for path in (ROOT / "keras_sep").rglob("*.py"):
        module, imports = _module(path), _imports(path)
        assert module in ALLOWED, f"{path}: a new module needs a place in the layout"
        own = {name.split(".")[1] for name in imports if name.startswith("keras_sep.")}
        own = {name for name in own if (ROOT / "keras_sep" / name).exists() or (ROOT / f"keras_sep/{name}.py").exists()}
        assert own <= ALLOWED[module], f"{path} imports {sorted(own - ALLOWED[module])}"
        tops = {name.split(".")[0] for name in imports}
        assert not tops & {"training", "export", "examples", "tests"}, path
        if module not in NEEDS_KERAS:
            assert not tops & set(HEAVY), f"{path}: the runtime needs neither TensorFlow nor Keras"


def test_training_and_export_do_not_know_each_other():
    for folder, other in (("training", "export"), ("export", "training")):
        for path in (ROOT / folder).rglob("*.py"):
            assert other not in {name.split(".")[0] for name in _imports(path)}, path


def test_only_export_knows_tensorflow():
    for folder in ("keras_sep", "training"):
        for path in (ROOT / folder).rglob("*.py"):
            # Inside a function, where the backend is TensorFlow.
            if path.name in ("parallel.py", "fused.py", "recurrence.py"):
                assert "tensorflow" not in {name.split(".")[0] for name in _imports_at_import(path)}
                continue
            assert "tensorflow" not in {name.split(".")[0] for name in _imports(path)}, path


def test_import_is_light():
    code = "import sys, keras_sep; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {*HEAVY, "soundfile", "ai_edge_litert"} & set(modules)
    code = "import sys; from keras_sep import Separator; Separator(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not set(HEAVY) & set(modules)
    assert "keras_sep.separator" in modules


def test_separate_with_nothing_but_the_runtime_dependencies(tmp_path):
    """`pip install .` alone: everything else that happens to be installed is made unimportable."""
    blocked = [*HEAVY, "scipy", "museval", "musdb", "matplotlib", "pandas", "h5py", "flatbuffers", "absl"]
    song = ROOT / "examples" / "lithium" / "mixture.flac"
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked!r}))\n"
        f"from keras_sep.cli import main\n"
        f"sys.exit(main(['separate', {str(song)!r}, '-o', {str(tmp_path)!r}, '--duration', '1']))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert {path.name for path in (tmp_path / "mixture").iterdir()} == {"vocals.wav", "accompaniment.wav"}


PAGE_FILES = {f"keras_sep/page/{name}" for name in ("index.html", "assets/a.js", "litert/b.wasm", "example/c.flac")}


@pytest.fixture(scope="module")
def wheel_files(tmp_path_factory) -> set[str]:
    # Built from a copy of the tracked files: left-overs of an earlier build must not hide a mistake.
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in _tracked("."):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    for name in PAGE_FILES | {"keras_sep/page/models/or-unet.tflite"}:  # what `make page` builds
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("built")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    with zipfile.ZipFile(next(out.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def _tracked(folder: str) -> set[str]:
    command = ["git", "ls-files", folder]
    return set(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.splitlines())


def test_the_wheel_holds_keras_sep_its_assets_and_the_page_only(wheel_files):
    # The float network is for `convert`, which needs a checkout anyway; the page's models are the assets.
    expected = {name for name in _tracked("keras_sep") if not name.endswith(".keras")} | PAGE_FILES
    assert {name for name in wheel_files if ".dist-info/" not in name} == expected
    assert any(name.endswith("waveform-dynamic_int8.tflite") for name in wheel_files)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel_files)


def test_assets_stay_small():
    assets = (ROOT / "keras_sep" / "assets").iterdir()
    assert sum(path.stat().st_size for path in assets if path.is_file()) < 25e6
