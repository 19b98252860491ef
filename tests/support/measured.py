"""Figures as the benchmarks measure them."""

from __future__ import annotations

SDR = {"vocals": -1.25, "accompaniment": 6.5}


def row(**changes) -> dict:
    kind = {"label": "m (M mask float32)", "size": "m", "graph": "mask", "precision": "float32", "format": "tflite"}
    times = {"p50_ms": 0.5, "p99_ms": 0.9, "worst_ms": 1.5, "rtf": 0.043, "load_ms": 12.34, "rss_mb": 20.0}
    work = {"macs": 20e6, "gflops": 80.0, "share_of_sgemm": 0.8, "bytes": 7_400_000, "random": False, "sdr_db": SDR}
    return {**kind, **times, **work, **changes}


def figures(*rows: dict, **changes) -> dict:
    reference = {"sgemm_gflops": 100.0, "sgemm_range": [90.0, 110.0], "sgemm_usual_gflops": 95.0}
    return {**reference, "machine": "a machine", "files": rows, **changes}
