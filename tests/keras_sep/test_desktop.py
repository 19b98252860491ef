"""`keras-sep desktop` in a home of its own, with programs that stand for PipeWire's and systemd's."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import pytest

from keras_sep import desktop
from tests.support.commands import here
from tests.support.needs import needs_posix

pytestmark = needs_posix

FILES = (".config/pipewire/keras_sep.conf", ".config/systemd/user/keras_sep.service", ".lv2/keras_sep.lv2/keras_sep.so")
NODE = {
    "id": 41,
    "info": {
        "props": {"node.name": "keras_sep"},
        "params": {"Props": [{"volume": 1.0}, {"params": ["separator:voice", -60.0, "separator:accompaniment", 3.0]}]},
    },
}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """An empty home; no program but those that `program` makes."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(desktop, "_CHECKOUT", tmp_path / "no checkout")
    (tmp_path / "home").mkdir()
    (tmp_path / "bin").mkdir()
    return tmp_path / "home"


@pytest.fixture
def program(home):
    """program(name, line) makes a program of one line of shell."""

    def make(name: str, line: str = "exit 0") -> None:
        path = home.parent / "bin" / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    make("pipewire")
    return make


@pytest.fixture
def bundle(tmp_path) -> Path:
    folder = tmp_path / "built" / "keras_sep.lv2"
    folder.mkdir(parents=True)
    for name in ("manifest.ttl", "keras_sep.so", "model.tflite"):
        (folder / name).write_text(name)
    return folder


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def complaint(result) -> str:
    (line,) = result.stderr.splitlines()
    assert result.returncode == 1
    return line


def test_install_and_remove(home, program, bundle):
    result = here("desktop", "install", "--bundle", bundle)
    assert result.returncode == 0, result.stderr
    assert files(home) >= set(FILES)
    assert len(files(home)) == 5
    assert "start it by: pipewire -c keras_sep.conf" in result.stdout, "there is no systemd here"
    configuration = (home / FILES[0]).read_text()
    assert 'control = { "voice" = -60.0 "accompaniment" = 0.0 }' in configuration
    assert configuration.count("{") == configuration.count("}")
    assert f"ExecStart={home.parent / 'bin' / 'pipewire'} -c keras_sep.conf" in (home / FILES[1]).read_text()

    result = here("desktop", "remove")
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 3)
    assert list(home.iterdir()) == [], "nor an empty folder"
    assert here("desktop", "remove").stdout == ""


def test_remove_leaves_what_is_not_its_own(home, program, bundle):
    for name in (".lv2/other.lv2/manifest.ttl", ".config/pipewire/pipewire.conf"):
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text("another one's")
    before = files(home)
    here("desktop", "install", "--bundle", bundle)
    here("desktop", "remove")
    assert files(home) == before


def test_installing_again_replaces(home, program, bundle):
    here("desktop", "install", "--bundle", bundle)
    (bundle / "keras_sep.so").write_text("a newer one")
    result = here("desktop", "install", "--bundle", bundle, "--vocals", "-12", "--accompaniment", "3.5")
    assert result.returncode == 0
    assert (home / FILES[2]).read_text() == "a newer one"
    assert 'control = { "voice" = -12.0 "accompaniment" = 3.5 }' in (home / FILES[0]).read_text()
    assert len(files(home)) == 5
    # What is installed suffices to install again.
    assert here("desktop", "install").returncode == 0
    assert (home / FILES[2]).read_text() == "a newer one"


def test_systemd_starts_and_stops_it(home, program, bundle):
    program("systemctl", f'echo "$@" >> {home.parent / "said"}')
    assert "start it by" not in here("desktop", "install", "--bundle", bundle).stdout
    here("desktop", "remove")
    said = (home.parent / "said").read_text().splitlines()
    started = [f"--user {words}" for words in ("enable keras_sep.service", "restart keras_sep.service")]
    assert [line for line in said if line in started] == started
    assert said.index("--user disable --now keras_sep.service") > said.index(started[-1])


def test_no_pipewire(home, bundle):
    assert complaint(here("desktop", "install", "--bundle", bundle)) == (
        "keras-sep: error: expected the program pipewire. Received: none (on Debian: sudo apt install pipewire)"
    )
    assert files(home) == set()


def test_no_bundle(home, program, bundle):
    (bundle / "model.tflite").unlink()
    assert complaint(here("desktop", "install", "--bundle", bundle)) == (
        f"keras-sep: error: {bundle}: expected the plugin's bundle. Received: a folder without model.tflite"
    )
    assert "build it by `make plugin`" in complaint(here("desktop", "install"))
    assert files(home) == set()


@pytest.mark.parametrize("value", ["13", "-61", "loud", "nan"])
def test_gains_out_of_range(home, program, bundle, value):
    result = here("desktop", "install", "--bundle", bundle, f"--vocals={value}")
    assert result.returncode == 2
    assert f"expected -60 to 12 dB. Received: {value!r}" in result.stderr
    assert files(home) == set()


def test_status(home, program, bundle):
    assert here("desktop", "status").stdout.splitlines() == [
        "plugin: not installed",
        "sink: not installed",
        "service: not installed",
        "running: no",
    ]
    here("desktop", "install", "--bundle", bundle)
    program("pw-dump", f"echo {shlex.quote(json.dumps([{'id': 1}, NODE]))}")
    lines = here("desktop", "status").stdout.splitlines()
    assert lines[:3] == [
        f"plugin: {home / '.lv2/keras_sep.lv2'}",
        f"sink: {home / FILES[0]}",
        f"service: {home / FILES[1]}",
    ]
    assert lines[3:] == [
        'running: yes, as the sink "Without the singer", node 41',
        "voice: -60 dB, accompaniment: 3 dB",
        "to change them: pw-cli set-param 41 Props "
        '\'{ params = [ "separator:voice" -60.0 "separator:accompaniment" 3.0 ] }\'',
    ]


def test_status_without_an_answer(home, program):
    program("pw-dump", "echo no; exit 1")
    assert here("desktop", "status").stdout.splitlines()[-1] == "running: no"


def test_another_configuration_folder(home, program, bundle, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    here("desktop", "install", "--bundle", bundle)
    assert (tmp_path / "settings/pipewire/keras_sep.conf").is_file()
    here("desktop", "remove")
    assert not files(tmp_path / "settings") | files(home)
    assert os.listdir(home) == []
