"""Memory, leaks, undefined behaviour and races of the plugin; LiteRT itself is not instrumented."""

from __future__ import annotations

import subprocess

import pytest

from plugin.checks import driver
from tests.support.paths import GOLDEN, ROOT

pytestmark = pytest.mark.compiler

UNIT = GOLDEN / "unit-waveform-float32.tflite"
SMALL = ROOT / "keras_sep" / "assets" / "small-waveform-dynamic_int8.tflite"
EVERYTHING = [
    f"0 model {UNIT}",
    "10000 set voice -20",
    "20000 get",
    "30000 set enabled 0",
    "40000 restart",
    f"60000 model {SMALL}",
    "90000 model no.tflite",
    "110000 save {session}",
    "120000 load {session}",
    "150000 set freewheel 1",
    "170000 set freewheel 0",
]


def sanitized(folder, flags: str):
    probe = f"echo 'int main(void) {{ return 0; }}' | cc {flags} -x c - -o {folder / 'probe'} && {folder / 'probe'}"
    if subprocess.run(probe, shell=True, capture_output=True).returncode:
        pytest.skip(f"this C compiler has no {flags}")
    if absent := driver.missing():
        pytest.skip(f"missing to build the plugin: {', '.join(absent)}")
    driver.build(folder, "all", "host", CFLAGS=f"-std=c11 -O1 -g {flags}", COUNT="no_count_calls")
    return folder


@pytest.mark.parametrize("flags", ["-fsanitize=address,undefined -fno-sanitize-recover=all", "-fsanitize=thread"])
def test_sanitizers(tmp_path, song, flags):
    folder = sanitized(tmp_path, flags)
    (tmp_path / "session").mkdir()
    events = [event.format(session=tmp_path / "session") for event in EVERYTHING]
    for settings in ({"realtime": 1, "blocks": "1:900"}, {"blocks": "1:3000", "instances": 2}):
        result = driver.run(folder, song(48000), tmp_path, events=events, **settings)
        assert "Sanitizer" not in result.stderr
        assert "runtime error" not in result.stderr
        # A sanitised worker may answer the last questions after the song.
        assert 0 < result.report["answers"] <= 5
