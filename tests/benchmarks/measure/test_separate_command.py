"""What is measured of `keras-sep separate`, on short songs."""

from __future__ import annotations

import pytest
import soundfile

from benchmarks.measure import separate_command
from benchmarks.tables.file_tables import separate_table


@pytest.mark.command
def test_times_and_peaks_of_whole_processes(tmp_path, monkeypatch):
    monkeypatch.setattr(separate_command, "SONG_SECONDS", 2)
    figures = separate_command.measure_separate(tmp_path, 1)
    assert soundfile.info(tmp_path / "song.wav").frames == 2 * 44100
    assert soundfile.info(tmp_path / "long.flac").frames == 60 * 44100
    assert figures["cold_start_s"] == figures["cold_starts_s"][2] > 0.1
    assert figures["real_time_factor"] == pytest.approx(1 / figures["times_real_time"][2])
    assert [len(figures[name]) for name in ("times_real_time", "times_real_time_jobs")] == [5, 3]
    assert all(20 < figures[name] < 2000 for name in ("peak_mb_1_minute", "peak_mb_long"))
    assert len(separate_table(figures).splitlines()) == 2 + 6
