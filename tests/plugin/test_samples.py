"""What the plugin computes: Python's samples, late by what it reports, at any rate and block size."""

from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from plugin.checks import driver
from tests.support.paths import GOLDEN

pytestmark = pytest.mark.compiler

UNIT = GOLDEN / "unit-waveform-float32.tflite"
FREEWHEEL = "0 set freewheel 1"


@pytest.fixture(scope="module")
def expected(song):
    """expected(rate) → Python's stems of the song, (samples, 4)."""
    stems: dict[int, np.ndarray] = {}

    def of(rate: int) -> np.ndarray:
        if rate not in stems:
            stems[rate] = driver.stems_of(song(rate), rate)
        return stems[rate]

    return of


def difference(result: driver.Result, expected: np.ndarray, late: int | None = None) -> float:
    """Largest difference of the stems, and of their sum, taken `late` samples late (default: as reported)."""
    late = result.latency if late is None else late
    size = min(len(expected), len(result.stems) - late)
    assert size > len(expected) // 2
    stems, want = result.stems[late : late + size], expected[:size]
    mix = result.mix[late : late + size] - (want[:, :2] + want[:, 2:])
    return float(max(np.abs(stems - want).max(), np.abs(mix).max()))


@pytest.mark.parametrize("rate", [44100, 48000, 96000, 22050, 192000])
@pytest.mark.parametrize("blocks", ["64:64", "1:777", "441:441", "4096:9000"])
def test_the_stems_are_python_s(host, song, expected, rate, blocks):
    result = host(song(rate), rate=rate, blocks=blocks, events=[FREEWHEEL])
    assert difference(result, expected(rate)) <= 1e-6
    assert not result.stems[: result.latency].any(), "silence before the song"
    assert result.report["underruns"] == result.report["latency_changes"] == 0
    # Controls: one sample early or late is not the same.
    assert difference(result, expected(rate), result.latency - 1) > 0.01
    assert difference(result, expected(rate), result.latency + 1) > 0.01


def test_one_sample_at_a_time(host, song, expected):
    result = host(song(44100)[:30000], rate=44100, blocks="1:1", events=[FREEWHEEL])
    assert difference(result, expected(44100)[: 30000 - result.latency]) <= 1e-6


def test_the_default_is_python_s_default_at_another_rate_as_well(host, song):
    """Python resamples by soxr, the plugin by speexdsp: not the same samples, but the same sound."""
    from keras_sep import Separator

    mixture = song(48000)
    stems = Separator(graph="waveform").separate(mixture, 48000)
    result = host(mixture, rate=48000, blocks="512:512", events=[FREEWHEEL])
    for channel, stem in enumerate(("vocals", "accompaniment")):
        found = result.stems[result.latency :, 2 * channel : 2 * channel + 2]
        want = stems[stem][: len(found)]
        assert 10 * np.log10(np.sum(want**2) / np.sum((found - want) ** 2)) > 30


@pytest.mark.parametrize("rate", [44100, 48000, 96000])
def test_the_latency_of_an_impulse_is_the_reported_one(host, rate):
    impulse = np.zeros((rate, 2), np.float32)
    impulse[rate // 3] = 0.5
    result = host(impulse, rate=rate, blocks="100:300", events=[FREEWHEEL, f"0 model {UNIT}"])
    assert np.abs(result.mix).argmax(axis=0).tolist() == [rate // 3 + result.latency] * 2


def test_the_latency_is_the_algorithm_s_and_the_buffer_s(host, song):
    """A frame, a block and 20 ms; away from the model's rate 1.5 ms of each resampler."""
    latencies = {
        (rate, nominal): host(song(44100)[:5000], rate=rate, blocks="32:32", nominal=nominal).latency
        for rate, nominal in [(44100, 256), (44100, 1024), (48000, 256)]
    }
    assert latencies[44100, 256] == 2048 + 256 + 882
    assert latencies[44100, 1024] == 2048 + 1024 + 882
    assert 0 < latencies[48000, 256] - (2048 * 48000 / 44100 + 256 + 960) < 0.0035 * 48000


@pytest.mark.parametrize(("told", "block"), [({"nominal": 0, "max": 300}, 300), ({"nominal": 0}, 1024)])
def test_what_hosts_say_of_their_blocks(host, song, told, block):
    result = host(song(44100)[:5000], rate=44100, blocks="32:32", **told)
    assert result.latency == 2048 + block + 882


def test_lv2apply(built, host, tmp_path, song, expected):
    """lilv's own command, offline: a host that says nothing of its blocks and knows no URIDs."""
    if not shutil.which("lv2apply"):
        pytest.skip("missing: lilv-utils, whose lv2apply this is about")
    for rate in (44100, 48000):
        soundfile.write(tmp_path / "in.wav", song(rate), rate, "FLOAT")
        command = [
            "lv2apply",
            "-i",
            tmp_path / "in.wav",
            "-o",
            tmp_path / "out.wav",
            "-c",
            "freewheel",
            "1",
            driver.URI,
        ]
        env = {**os.environ, "LV2_PATH": str(built / "lv2")}
        subprocess.run(command, env=env, check=True, capture_output=True)
        out, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
        late = host(song(rate)[:3000], rate=rate, nominal=0).latency
        size = min(len(expected(rate)), len(out) - late)
        assert size > 3 * rate
        assert np.abs(out[late : late + size, 2:6] - expected(rate)[:size]).max() <= 1e-6
        assert np.abs(out[late + 1 : late + size, 2:6] - expected(rate)[: size - 1]).max() > 0.01
