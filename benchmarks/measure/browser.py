"""The page in Chromium, used as a listener uses it: a file as fast as it goes, and live from a fake microphone."""

from __future__ import annotations

import contextlib
import re
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure.separate_command import SONG_SECONDS, song_file
from common.document import require_markers, write_between_markers
from common.machine import machine
from common.markdown import table
from keras_sep.presets import DEFAULT_PRESET, get_preset
from keras_sep.separator import Separator
from keras_sep.web import PageServer

_WAIT_MS = 600_000
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
_FLAGS += ["--disable-component-update", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@contextlib.contextmanager
def page_in_chromium(*flags: str) -> Iterator[tuple[Browser, str]]:
    """Serves the page and starts Chromium without a window, with further flags; yields the browser and the address.

    Raises:
        ValueError: Chromium or the files of the page are missing.
    """
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise ValueError("expected Chromium: `apt install chromium`")
    with PageServer(0) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=chromium, args=[*_FLAGS, *flags])
        try:
            yield browser, server.url
        finally:
            browser.close()
            server.shutdown()


def measure_page(
    rounds: int, live_seconds: int, against: Path | None = None, write: Path | None = None
) -> list[dict[str, Any]]:
    """Measures the page, prints the table and puts it into a document.

    Args:
        rounds: number of rounds, ≥ 1. In each, every model separates a song on the page, then `Separator` in Python.
        live_seconds: length of the live input from the fake microphone, for each model, ≥ 1.
        against: waveform file that takes turns with the page's own model, or None.
        write: document with the markers browser: begin and end, or None.

    Returns:
        One dict a model, which `browser_table` takes.

    Raises:
        ValueError: Chromium, the files of the page, `against` or the markers are missing.
    """
    if write:
        require_markers(write, "browser")
    if against is not None and not (against.name.endswith(".tflite") and against.is_file()):
        raise ValueError(f"--against: expected a .tflite file. Received: {against}")
    rows: list[dict[str, Any]] = [
        {"file": file, "is_own": file is against, "walls": [], "python": []}
        for file in (get_preset(DEFAULT_PRESET).candidates("waveform")[0].path(), against)
        if file is not None
    ]
    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.wav"
        with page_in_chromium(f"--use-file-for-fake-audio-capture={song}") as (browser, url):
            song_file(song, SONG_SECONDS)
            for _ in range(rounds):
                for row in rows:
                    _separate(browser, url, song, row)
                    row["python"].append(_python(song, row["file"], Path(folder) / "stems"))
            for row in rows:
                _live(browser, url, live_seconds, row)
            version = browser.version
    text = browser_table(rows, f"Chromium {version}, headless, {machine()}", live_seconds)
    print(text)
    if write:
        write_between_markers(write, "browser", text)
    return rows


def browser_table(rows: list[dict[str, Any]], where: str, live_seconds: int) -> str:
    """Formats a Markdown table, one row a model; times of a song are medians over the rounds."""
    heads = ["waveform graph, LiteRT.js", "step p50 ms", "step p99 ms", "p50, × the first", "song s", "× real time"]
    heads += ["`Separator` beside it, × real time", f"live, {live_seconds} s: step p50 / p99 ms", "share of real time"]
    heads += ["under- / overruns", "latency ms"]
    cells = []
    first = statistics.median(rows[0]["p50"])
    for row in rows:
        wall = statistics.median(row["walls"])
        cells.append(
            [
                row["file"].name,
                *(f"{statistics.median(row[key]):.2f}" for key in ("p50", "p99")),
                f"{statistics.median(row['p50']) / first:.2f}",
                f"{wall:.1f}",
                f"{SONG_SECONDS / wall:.0f}",
                f"{SONG_SECONDS / statistics.median(row['python']):.0f}",
                row["live_step"],
                row["live_load"],
                row["live_runs"],
                row["live_latency"],
            ]
        )
    title = f"{where}; a song of {SONG_SECONDS // 60} minutes, medians of {len(rows[0]['walls'])} rounds."
    return f"{title}\n\n{table(heads, cells)}"


def _open(browser: Browser, url: str, row: dict[str, Any]) -> Page:
    page = browser.new_page()
    page.set_default_timeout(_WAIT_MS)
    page.goto(url)
    page.locator("html[data-model]").wait_for(state="attached")
    if row["is_own"]:
        page.set_input_files("#file", row["file"])
        page.locator("#model-note", has_text="your own").wait_for()
    else:
        page.locator(f'html[data-model="{row["file"].name}"]').wait_for(state="attached")
    return page


def _separate(browser: Browser, url: str, song: Path, row: dict[str, Any]) -> None:
    page = _open(browser, url, row)
    page.set_input_files("#file", song)
    page.get_by_role("button", name="Pause").click()  # so that the page neither plays nor draws, but only separates
    page.locator("html[data-state=separated]").wait_for(state="attached")
    row["walls"].append(float(page.get_attribute("html", "data-seconds") or "nan"))
    for key in ("p50", "p99"):
        row.setdefault(key, []).append(_milliseconds(page, key))
    page.close()


def _live(browser: Browser, url: str, seconds: int, row: dict[str, Any]) -> None:
    page = _open(browser, url, row)
    page.click("#microphone")
    page.locator("html[data-state=live]").wait_for(state="attached")
    page.wait_for_timeout(1000 * seconds)
    row["live_step"] = f"{_milliseconds(page, 'p50'):.2f} / {_milliseconds(page, 'p99'):.2f}"
    row["live_load"] = page.locator("#load").inner_text().removesuffix(" of real time")
    row["live_runs"] = page.locator("#runs").inner_text()
    row["live_latency"] = page.locator("#latency").inner_text().removesuffix(" ms")
    page.close()


def _milliseconds(page: Page, name: str) -> float:
    found = re.fullmatch(r"([\d.]+) ms", page.locator(f"#{name}").inner_text())
    return float(found[1]) if found else float("nan")


def _python(song: Path, file: Path, folder: Path) -> float:
    """Returns the seconds that Python takes for the same song, without loading the model."""
    separator = Separator(model=file)
    start = time.perf_counter()
    separator.separate_file(song, folder)
    return time.perf_counter() - start
