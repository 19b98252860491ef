"""What happens in the audio thread, against the clock: no call that may block, and what comes too late fades."""

from __future__ import annotations

import numpy as np
import pytest

from plugin.checks import driver
from tests.support.paths import GOLDEN

pytestmark = [pytest.mark.compiler, pytest.mark.sound]

RATE = 48000
UNIT = GOLDEN / "unit-waveform-float32.tflite"


@pytest.fixture
def punctual(host):
    """host(…) in real time, once the machine does so; skips where it does not: nothing else can be measured there."""

    def run(waveform: np.ndarray, **settings) -> driver.Result:
        for _ in range(3):
            result = host(waveform, realtime=1, **settings)
            late = result.report["late_ms"]["worst"]
            if late < 5:
                return result
        pytest.skip(f"this machine wakes even the audio thread {late:.0f} ms late")

    return run


def test_nothing_in_run_may_block(host, song):
    """Controls change, the model, too: no lock, no memory, no system call."""
    events = [f"0 model {UNIT}", "20000 set voice -20", "40000 set enabled 0", "50000 get", "60000 model no.tflite"]
    report = host(song(RATE), rate=RATE, blocks="1:1024", nominal=1024, realtime=1, events=events).report
    assert report["answers"] == 3
    assert report["locks"] == report["memory"] == 0
    assert report["system_calls"] in (0, None)  # None: not this kernel or processor


def test_what_may_block_is_seen(host, song):
    """Control: freewheeling, `run` waits for the worker, and LiteRT allocates within it."""
    report = host(song(RATE), rate=RATE, events=["0 set freewheel 1"]).report
    assert report["locks"] > 0
    assert report["memory"] > 0
    assert report["system_calls"] is None or report["system_calls"] > 0


def test_in_real_time_the_samples_are_those_of_an_export(host, punctual, song):
    live = punctual(song(RATE), rate=RATE, nominal=4096)  # at leisure: 100 ms
    export = host(song(RATE), rate=RATE, nominal=4096, events=["0 set freewheel 1"])
    assert live.report["underruns"] == 0
    assert np.array_equal(live.stems, export.stems)


def test_a_starved_worker(host):
    """Steps as long as their music for a second: gaps that are counted and faded, then all is as before, as late."""
    constant = np.full((6 * RATE, 2), 0.1, np.float32)
    events = [f"0 model {UNIT}", f"{RATE} delay 40", f"{2 * RATE} delay 0"]
    starved = host(constant, rate=RATE, blocks="200:300", nominal=512, realtime=1, events=events)
    out = starved.mix[RATE // 2 :, 0]
    assert starved.report["underruns"] > 0
    assert starved.report["latency_changes"] == 0
    assert np.count_nonzero(out == 0) > RATE // 20
    assert np.abs(np.diff(out)).max() <= 1.05 * 2 * 0.15 / (0.005 * RATE), "fades may lie on each other"
    assert np.abs(out[-RATE:] - 0.15).max() < 1e-5


def test_after_a_gap_the_latency_is_as_before(host, song):
    events = [f"{RATE} delay 60", f"{RATE + RATE // 2} delay 0"]
    late = host(song(RATE), rate=RATE, realtime=1, events=events)
    expected = driver.stems_of(song(RATE), RATE)
    assert late.report["underruns"] > 0
    end = slice(4 * RATE, 5 * RATE - 1000)
    assert np.abs(late.stems[end] - expected[end.start - late.latency : end.stop - late.latency]).max() <= 1e-6


def test_a_worker_that_stands_still_for_longer_than_the_rings(host):
    constant = np.full((8 * RATE, 2), 0.1, np.float32)
    events = [f"0 model {UNIT}", f"{RATE} delay 3000", f"{RATE + RATE // 10} delay 0"]
    result = host(constant, rate=RATE, realtime=1, events=events)
    assert result.report["underruns"] > 0
    assert result.report["latency_changes"] == 0
    assert np.abs(result.mix[-RATE:] - 0.15).max() < 1e-5


def test_a_host_faster_than_the_clock_without_freewheel_starves_and_survives(host, song):
    report = host(song(RATE), rate=RATE).report
    assert report["underruns"] > 0


def test_larger_blocks_than_announced_make_the_latency_grow(host, punctual, song):
    result = punctual(song(RATE), rate=RATE, blocks="1500:1500", nominal=512)
    announced = host(song(RATE)[:9000], rate=RATE, blocks="64:64", nominal=2048)
    assert result.latency == announced.latency
    expected = driver.stems_of(song(RATE), RATE)
    assert result.report["underruns"] == 0
    size = len(result.stems) - result.latency
    assert np.abs(result.stems[result.latency :] - expected[:size]).max() <= 1e-6


def test_two_instances_for_a_minute(punctual, song):
    """Together in one audio thread, each with its own worker."""
    minute = np.tile(song(RATE)[: 4 * RATE], (15, 1))
    report = punctual(minute, rate=RATE, instances=2).report
    print(report)
    assert report["underruns"] == 0
    assert report["locks"] == report["memory"] == 0
