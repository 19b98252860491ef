"""The bundle as others see it: its description, its files, and hosts that we have not written."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from keras_sep.presets import DEFAULT_PRESET, get_preset
from plugin.checks import driver
from tests.support.paths import ROOT

pytestmark = pytest.mark.compiler


def test_the_description_is_sound(built):
    if not shutil.which("sord_validate"):
        pytest.skip("missing: sordi, whose sord_validate this is about")
    specifications = sorted(map(str, Path("/usr/lib/lv2").glob("*/*.ttl")))
    own = sorted(map(str, (built / "lv2/keras_sep.lv2").glob("*.ttl")))
    assert len(own) == 2
    result = subprocess.run(["sord_validate", *specifications, *own], capture_output=True, text=True)
    assert "Found 0 errors" in result.stdout + result.stderr, result.stderr


def test_a_wrong_description_is_seen(built, tmp_path):
    if not shutil.which("sord_validate"):
        pytest.skip("missing: sordi, whose sord_validate this is about")
    own = (built / "lv2/keras_sep.lv2/keras_sep.ttl").read_text()
    (tmp_path / "keras_sep.ttl").write_text(own.replace('lv2:symbol "in_left"', 'lv2:symbol "in left"'))
    specifications = sorted(map(str, Path("/usr/lib/lv2").glob("*/*.ttl")))
    result = subprocess.run(["sord_validate", *specifications, tmp_path / "keras_sep.ttl"], capture_output=True)
    assert result.returncode != 0


def test_the_tarball_holds_all_that_a_host_needs(built, tmp_path):
    (path,) = built.glob("keras_sep.lv2-linux-*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "keras_sep.lv2"
    licences = {"keras_sep.LICENSE", "LiteRT.LICENSE", "speexdsp.LICENSE", "model.LICENSE"}
    files = {"keras_sep.so", "libLiteRt.so", "model.tflite", "manifest.ttl", "keras_sep.ttl"}
    assert {file.name for file in folder.iterdir()} == licences | files
    assert (folder / "model.LICENSE").read_text() == (ROOT / f"keras_sep/assets/{DEFAULT_PRESET}.LICENSE").read_text()
    model = get_preset(DEFAULT_PRESET).file("waveform", "dynamic_int8")
    assert hashlib.sha256((folder / "model.tflite").read_bytes()).hexdigest() == model.sha256
    needed = subprocess.run(["ldd", folder / "keras_sep.so"], capture_output=True, text=True, check=True).stdout
    assert f"libLiteRt.so => {folder}/libLiteRt.so" in needed, "from the bundle, wherever it lies"
    assert "not found" not in needed
    assert "speexdsp" not in needed


def test_the_library_shows_its_two_faces_only(built):
    library = built / "lv2/keras_sep.lv2/keras_sep.so"
    shown = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    assert {line.split()[-1] for line in shown.splitlines()} == {"lv2_descriptor", "ladspa_descriptor"}


def test_without_its_model_the_plugin_says_so(built, tmp_path, song):
    shutil.copytree(built / "lv2", tmp_path / "lv2")
    shutil.copy(built / "host", tmp_path)
    (tmp_path / "lv2/keras_sep.lv2/model.tflite").unlink()
    with pytest.raises(RuntimeError, match=r"model\.tflite: cannot read the model: No such file or directory"):
        driver.run(tmp_path, song(44100)[:1000], tmp_path)


@pytest.mark.parametrize("rate", [4000, 400000])
def test_a_rate_that_is_no_song_s(built, tmp_path, song, rate):
    with pytest.raises(
        RuntimeError, match=f"expected a sample rate of 8000 to 192000 Hz, a whole number. Received: {rate}"
    ):
        driver.run(built, song(44100)[:1000], tmp_path, rate=rate)


@pytest.mark.sound
def test_jalv_in_jack(built, host, tmp_path, song):
    """JACK without a sound card: jalv runs the plugin and passes its latency on to JACK."""
    absent = [program for program in ("jackd", "jalv", "jack_lsp", "jack_connect") if not shutil.which(program)]
    if absent:
        pytest.skip(f"missing: {', '.join(absent)}")
    env = {**os.environ, "JACK_DEFAULT_SERVER": f"keras_sep_{os.getpid()}", "LV2_PATH": f"{built / 'lv2'}:/usr/lib/lv2"}
    env["JACK_NO_AUDIO_RESERVATION"] = "1"

    def start(name: str, *command: str) -> subprocess.Popen:
        with (tmp_path / name).open("w") as log:
            return subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)

    def ports(*flags: str) -> str:
        return subprocess.run(["jack_lsp", *flags], env=env, capture_output=True, text=True).stdout

    jackd = start("jackd", "jackd", "--no-realtime", "--no-mlock", "-d", "dummy", "-r", "48000", "-p", "256")
    started = [jackd]
    try:
        until = time.monotonic() + 20
        while "system:playback_1" not in ports() and time.monotonic() < until:
            time.sleep(0.2)
        started.append(start("jalv", "jalv", "-p", "-n", "keras_sep", driver.URI))
        while "keras_sep:out_right" not in ports() and time.monotonic() < until:
            time.sleep(0.2)
        for side, number in (("left", 1), ("right", 2)):
            there = f"system:capture_{number}", f"keras_sep:in_{side}"
            back = f"keras_sep:out_{side}", f"system:playback_{number}"
            for pair in (there, back):
                subprocess.run(["jack_connect", *pair], env=env, check=True, capture_output=True)
        latency = host(song(48000)[:1000], nominal=256).latency
        # On top of the dummy's block.
        while f"[ {256 + latency} {256 + latency} ] frames" not in ports("-l") and time.monotonic() < until:
            time.sleep(0.2)
        assert f"[ {256 + latency} {256 + latency} ] frames" in ports("-l")
        assert all(process.poll() is None for process in started)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    assert "Block length: 256 frames" in (tmp_path / "jalv").read_text()
