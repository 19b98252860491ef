"""The sink "Without the singer" in a real PipeWire: what comes out of it is what Python computes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from common.scores import snr_db
from plugin.checks import driver, pipewire
from plugin.checks.pipewire import RATE, SPEAKERS, Session
from tests.support.paths import EXAMPLE, ROOT

pytestmark = [
    pytest.mark.compiler,
    pytest.mark.sound,
    pytest.mark.skipif(bool(pipewire.missing()), reason=f"missing: {', '.join(pipewire.missing())}"),
]


@pytest.fixture
def session(tmp_path_factory):
    with Session(tmp_path_factory.mktemp("pw")) as running:
        yield running


@pytest.fixture
def desktop(session, built):
    """desktop(*arguments) → what `keras-sep desktop` prints in the session."""

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "keras_sep.cli", "desktop", *arguments]
        env = {**session.env, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def sink(session, desktop, built) -> subprocess.Popen:
    """The sink, installed, started and connected."""
    said = desktop("install", "--bundle", str(built / "lv2/keras_sep.lv2"))
    assert "start it by: pipewire -c keras_sep.conf" in said, "nobody's systemd is asked"
    process = session.start("pipewire", "-c", "keras_sep.conf")
    session.wait_for(lambda: f"{SPEAKERS}:playback_FR" in session.output("pw-link", "-l"), "the sink's link")
    return process


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "/.local" not in str(path)}


def excerpt(name: str, seconds: float) -> np.ndarray:
    """From where the song's first sounds are, at PipeWire's rate."""
    samples, rate = soundfile.read(EXAMPLE / name, round(seconds * 44100), 10 * 44100, dtype="float32")
    return driver.resampled(samples, rate, RATE)


def test_what_is_heard_is_what_python_computes(session, desktop, sink):
    song = excerpt("mixture.flac", 12)
    for _ in range(3):  # a machine that stands still for a moment makes a gap, wherever
        heard = pipewire.compare(session.play(song, "keras_sep"), song, stem="accompaniment")
        print(heard)
        if heard.difference <= 1e-6:
            break
    assert heard.difference <= 1e-6
    reference, own = excerpt("accompaniment.ogg", 12), slice(0, len(heard.recorded))
    recorded, offline = (snr_db(reference[own], stem) for stem in (heard.recorded, heard.expected))
    print(f"SDR of the accompaniment {recorded:.3f} dB, offline {offline:.3f} dB")
    assert abs(recorded - offline) <= 0.05
    assert recorded > snr_db(reference[own], song[own]) + 3
    # Control: a sample later it is something else.
    assert np.abs(heard.recorded[1:] - heard.expected[:-1]).max() > 0.01


def test_gains_follow_pw_cli(session, desktop, sink):
    """The command that `status` prints, in a shell."""
    *_, gains, command = desktop("status").splitlines()
    assert gains == "voice: -60 dB, accompaniment: 0 dB"
    command = command.removeprefix("to change them: ").replace(
        '"separator:accompaniment" 0.0', '"separator:accompaniment" -60.0'
    )
    subprocess.run(command, shell=True, env=session.env, check=True, capture_output=True)
    session.wait_for(lambda: "accompaniment: -60 dB" in desktop("status"), "the other gain")
    song = excerpt("mixture.flac", 3)
    assert np.abs(session.play(song, "keras_sep")).max() < 1e-4, "both stems are silent"


def test_remove_leaves_nothing(session, desktop, sink):
    assert "keras_sep" in session.output("pw-link", "-i")
    assert len(desktop("remove").splitlines()) == 3
    session.stop(sink)
    session.wait_for(lambda: "keras_sep" not in session.output("pw-link", "-i"), "the sink's end")
    assert files(session.home) == set()
    assert desktop("status").splitlines()[-1] == "running: no"
