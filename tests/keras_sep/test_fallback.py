"""Where the installed runtime cannot run a file: another one of the preset, or a clear refusal."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile

from keras_sep import ModelFileError, Separator, StreamingSeparator, presets, runtime, store
from keras_sep.errors import UnsupportedModelError
from keras_sep.presets import DEFAULT_PRESET, FORMER_NAMES, get_preset
from tests.support import old_runtime
from tests.support.commands import here
from tests.support.paths import ROOT

DEFAULT, EXACT = f"{DEFAULT_PRESET}-mask-dynamic_int8.tflite", f"{DEFAULT_PRESET}-mask-float16.tflite"
CANNOT = r"old_runtime 2\.14\.0 cannot run this file: Didn't find op for builtin opcode 'FULLY_CONNECTED' version '12'"
SAID = rf"/{DEFAULT}: {CANNOT}; using {EXACT} instead"


@pytest.fixture
def refuse(monkeypatch):
    """refuse(*precisions): the runtime cannot run these."""

    def refuse(*precisions: str, error: Exception | None = None) -> None:
        interpreter = old_runtime.interpreter(*precisions, error=error)
        monkeypatch.setattr(runtime, "_interpreter_class", lambda: interpreter)

    return refuse


# What is taken.


@pytest.mark.parametrize("cls", [Separator, StreamingSeparator])
def test_where_everything_runs_it_is_the_preferred_file_without_a_word(cls):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cls().model.name == DEFAULT
        assert cls(graph="waveform").model.name == f"{DEFAULT_PRESET}-waveform-dynamic_int8.tflite"
        assert cls(precision="float16").model.name == EXACT
        assert cls(model=cls().model).model.name == DEFAULT


@pytest.mark.parametrize("cls", [Separator, StreamingSeparator])
def test_another_file_of_the_preset_is_taken_and_it_is_said(refuse, cls):
    refuse("dynamic_int8")
    with pytest.warns(RuntimeWarning, match=SAID) as said:
        separator = cls()
    assert len(said) == 1
    assert said[0].filename == __file__  # it is the caller's
    assert separator.model.name == EXACT


def test_it_is_chosen_once_and_gives_that_files_stems(refuse, music):
    x = music(0.3, num_channels=4)
    expected = Separator(graph="mask", precision="float16").separate(x, 44100)
    refuse("dynamic_int8")
    with pytest.warns(RuntimeWarning) as said:
        found = Separator().separate(x, 44100)  # two pairs of channels, so two interpreters
    assert len(said) == 1
    for source, stem in expected.items():
        np.testing.assert_array_equal(found[source], stem)


def test_the_order_is_that_of_preference_however_they_were_published():
    preset = get_preset(DEFAULT_PRESET)
    some = preset.files[0]
    kinds = [(graph, precision) for precision in presets.PREFERENCE for graph in ("mask", "waveform")]
    for order in (kinds, kinds[::-1]):
        files = tuple(dataclasses.replace(some, graph=graph, precision=precision) for graph, precision in order)
        candidates = dataclasses.replace(preset, files=files).candidates
        assert [(file.graph, file.precision) for file in candidates()] == kinds
        assert [file.precision for file in candidates("waveform")] == list(presets.PREFERENCE)
        assert [file.graph for file in candidates(None, "float16")] == ["mask", "waveform"]
    with pytest.raises(
        ModelFileError, match=rf"{DEFAULT_PRESET}: expected one of .*mask dynamic_int8.*\. Received: mask float32$"
    ):
        preset.file("mask", "float32")


# What is refused.


@pytest.mark.parametrize("asked", [{"graph": "mask", "precision": "dynamic_int8"}, {"model": store.ASSETS / DEFAULT}])
def test_what_was_asked_for_does_not_change(refuse, asked):
    refuse("dynamic_int8")
    with pytest.raises(UnsupportedModelError, match=rf"/{DEFAULT}: {CANNOT}$"):
        Separator(**asked)


def test_a_graph_or_a_precision_that_was_asked_for_stays(refuse):
    refuse("dynamic_int8")
    with pytest.warns(RuntimeWarning, match=f"using {EXACT}"):
        assert Separator(graph="mask").model.name == EXACT
    none = rf"{DEFAULT_PRESET}: none of mask dynamic_int8, waveform dynamic_int8 can be run; the first: "
    with pytest.raises(UnsupportedModelError, match=rf"{none}.*/{DEFAULT}: {CANNOT}$"):
        Separator(precision="dynamic_int8")
    refuse("dynamic_int8", "float16")
    with pytest.raises(UnsupportedModelError, match="none of waveform dynamic_int8, waveform float16 can be run"):
        Separator(graph="waveform")


def test_where_the_other_files_are_not_installed_it_says_how_to_get_them(refuse, tmp_path, monkeypatch):
    no_float16 = shutil.ignore_patterns("*-float16.tflite")  # as in the wheel
    monkeypatch.setenv("KERAS_SEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(store, "ASSETS", shutil.copytree(store.ASSETS, tmp_path / "assets", ignore=no_float16))
    refuse("dynamic_int8")
    fetch = f"; keras-sep fetch {DEFAULT_PRESET} gets those that are not installed$"
    with pytest.raises(UnsupportedModelError, match=rf"can be run; the first: .*/{DEFAULT}: {CANNOT}{fetch}"):
        Separator()
    store.fetch(EXACT, get_preset(DEFAULT_PRESET).file("mask", "float16").sha256, ROOT / "keras_sep" / "assets")
    with pytest.warns(RuntimeWarning, match=SAID):
        assert Separator().model == tmp_path / "cache" / EXACT


def test_a_damaged_file_is_not_passed_over(refuse, tmp_path, monkeypatch):
    shutil.copytree(store.ASSETS, tmp_path / "assets")
    monkeypatch.setattr(store, "ASSETS", tmp_path / "assets")
    with (tmp_path / "assets" / DEFAULT).open("r+b") as file:
        file.seek(100_000)
        file.write(b"damage")
    with pytest.raises(ModelFileError, match="expected SHA-256"):
        Separator()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "conv.cc:343 1 != 3\nNode number 5 (CONV_2D) failed to prepare.\n",
            "Node number 5 (CONV_2D) failed to prepare",
        ),
        ("something\nelse. Altogether", "something else. Altogether"),
    ],
)
def test_other_reasons_are_told_too(refuse, text, said):
    refuse("float16", error=RuntimeError(text))
    with pytest.raises(UnsupportedModelError) as caught:
        Separator(graph="mask", precision="float16")
    assert str(caught.value) == f"{store.ASSETS / EXACT}: old_runtime 2.14.0 cannot run this file: {said}"


def test_a_runtime_that_is_too_old_for_numpy_is_named(refuse):
    refuse("dynamic_int8", error=SystemError("<built-in method> returned a result with an exception set"))
    with pytest.raises(ModelFileError, match=rf"old_runtime 2\.14\.0 does not work beside NumPy {np.__version__}"):
        Separator()


# The command.


@pytest.fixture
def songs(music, tmp_path) -> list[Path]:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    for path in paths:
        soundfile.write(path, music(0.2), 44100)
    return paths


def assert_went_on(result: subprocess.CompletedProcess[str], out: Path) -> None:
    (line,) = result.stderr.splitlines()
    assert line.startswith("keras-sep: warning: /")
    assert line.endswith(f"'FULLY_CONNECTED' version '12'; using {EXACT} instead")
    assert result.returncode == 0
    assert len(list(out.rglob("*.wav"))) == 4


def test_the_command_goes_on_with_another_file_and_says_so_once(refuse, songs, tmp_path):
    refuse("dynamic_int8")
    assert_went_on(here("separate", *songs, "-o", tmp_path / "out", "--jobs", "2", "--quiet"), tmp_path / "out")


COMMAND = """
import sys
from keras_sep import runtime
from keras_sep.cli import main
from tests.support import old_runtime
interpreter = old_runtime.interpreter("dynamic_int8")
runtime._interpreter_class = lambda: interpreter
sys.exit(main(["separate", *sys.argv[1:]]))
"""


@pytest.mark.command
def test_a_process_goes_on_as_well_and_the_runtime_adds_nothing(songs, tmp_path):
    command = [sys.executable, "-c", COMMAND, *songs, "-o", tmp_path / "out", "--jobs", "2", "--quiet"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=100)
    assert_went_on(result, tmp_path / "out")


@pytest.mark.parametrize(
    ("refused", "options", "said"),
    [
        (
            ("dynamic_int8", "float16"),
            [],
            "none of mask dynamic_int8, waveform dynamic_int8, mask float16, waveform float16 can be run",
        ),
        (
            ("dynamic_int8",),
            ["--model", store.ASSETS / DEFAULT],
            f"{DEFAULT}: old_runtime 2.14.0 cannot run this file",
        ),
    ],
    ids=["of the preset", "of its own"],
)
def test_the_command_fails_in_one_line(refuse, songs, tmp_path, refused, options, said):
    refuse(*refused)
    result = here("separate", *songs, "-o", tmp_path / "out", *options)
    (line,) = result.stderr.splitlines()
    assert line.startswith("keras-sep: error: ")
    assert said in line
    assert "'FULLY_CONNECTED' version '12'" in line
    assert (result.returncode, result.stdout) == (1, "")
    assert not (tmp_path / "out").exists()


# Names of the first release.


@pytest.mark.parametrize(("former", "name"), FORMER_NAMES.items())
def test_a_former_name_is_the_preset_with_a_warning(former, name):
    with pytest.warns(FutureWarning, match=f"the preset {former} is called {name} now"):
        assert get_preset(former) is get_preset(name)


def test_the_command_says_a_former_name_in_one_line(music, tmp_path):
    soundfile.write(tmp_path / "song.wav", music(0.2), 44100, subtype="FLOAT")
    out = {}
    for name in ("or-unet-df", DEFAULT_PRESET):
        result = here("separate", tmp_path / "song.wav", "-o", tmp_path / name, "--preset", name)
        assert result.returncode == 0
        out[name] = result.stderr, soundfile.read(tmp_path / name / "song" / "vocals.wav")[0]
    assert out[DEFAULT_PRESET][0] == ""
    assert out["or-unet-df"][0].splitlines() == ["keras-sep: warning: the preset or-unet-df is called base now"]
    np.testing.assert_array_equal(out["or-unet-df"][1], out[DEFAULT_PRESET][1])
