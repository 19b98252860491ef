"""What is printed."""

from __future__ import annotations

from benchmarks.tables import file_tables
from tests.support.measured import figures, row


def test_a_busy_machine_is_named():
    assert "a machine" in file_tables.reference_line(figures())
    assert "busy" not in file_tables.reference_line(figures())
    assert "busy: the median product reached 40" in file_tables.reference_line(figures(sgemm_usual_gflops=40.0))


def test_a_row_has_every_column():
    unknown = row(sdr_db={}, gflops=None, share_of_sgemm=None, rss_mb=None, random=True)
    lines = file_tables.file_table(figures(row(), unknown)).splitlines()
    assert (
        lines[2]
        == "| m (M mask float32) | 7.40 | 12.3 | 20.0 | 0.500 | 0.900 | 1.500 | 0.043 | 80.0 | 80 % | −1.25 | 6.50 |"
    )
    assert lines[3] == "| m (M mask float32) | 7.40 | 12.3 | – | 0.500 | 0.900 | 1.500 | 0.043 | – | – | – | – |"
    assert len({line.count("|") for line in lines[:4]}) == 1
    assert "untrained" in lines[-1]
    assert "untrained" not in file_tables.file_table(figures(row()))


def test_a_stream_costs_what_a_second_of_its_own_audio_costs():
    stream = {
        "label": "DTLN",
        "sample_rate": 16000,
        "num_channels": 1,
        "block": 128,
        "p50_ms": 0.1,
        "ms_per_second": 12.5,
    }
    assert file_tables.stream_table([stream]).splitlines()[2] == "| DTLN | 16 kHz mono | 16000 | 8.00 | 0.100 | 12.5 |"
