"""The page in a real browser, without network: it is separated by file and live, and compared with Python's samples."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from keras_sep import web
from keras_sep.errors import PageError
from keras_sep.presets import DEFAULT_PRESET, presets
from keras_sep.separator import Separator, StreamingSeparator
from keras_sep.web import PAGE, PageServer
from tests.support.commands import here
from tests.support.needs import needs_chromium, needs_page, needs_posix
from tests.support.paths import GOLDEN, ROOT

if TYPE_CHECKING:
    from playwright import sync_api

EXAMPLE = ROOT / "keras_sep" / "assets" / "example" / "mixture.flac"
AXE = ROOT / "web_demo" / "node_modules" / "axe-core" / "axe.min.js"
RATE = 44100
WITH_WAVEFORM = [name for name, preset in presets().items() if any(f.graph == "waveform" for f in preset.files)]
PATIENCE = 60_000  # ms; a busy machine is not a wrong one


# The server.


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Something to serve, with or without the page."""
    page = tmp_path_factory.mktemp("page")
    (page / "assets").mkdir()
    for name in ("index.html", "assets/x.js", "assets/x.wasm"):
        (page / name).write_text("served")
    (page.parent / "secret.html").write_text("secret")
    return page


@pytest.fixture(scope="module")
def answer(folder):
    """answer(path, host) → status, content and headers."""
    with PageServer(0, folder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def ask(path: str, host: str = "localhost") -> tuple[int, bytes, dict[str, str]]:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=30)
            connection.request("GET", path, headers={"Host": f"{host}:{server.server_address[1]}"})
            response = connection.getresponse()
            return response.status, response.read(), dict(response.getheaders())

        yield ask
        server.shutdown()


def test_the_server_serves_the_page_and_the_shipped_models(answer):
    status, content, headers = answer("/")
    assert (status, content) == (200, b"served")
    assert headers["Content-type"].startswith("text/html")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"  # for the precise clock
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    for path, kind in (("/assets/x.js", "text/javascript"), ("/assets/x.wasm?v=1", "application/wasm")):
        assert answer(path)[2]["Content-type"] == kind
    model = f"{DEFAULT_PRESET}-waveform-dynamic_int8.tflite"
    assert answer(f"/models/{model}")[1] == (ROOT / "keras_sep" / "assets" / model).read_bytes()
    assert answer("/models/presets.json")[0] == answer(f"/models/{DEFAULT_PRESET}.LICENSE")[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/nothing", "/assets/", "/assets", "/models/", "/models/__init__.py", "/../secret.html"),
        *("/%2e%2e/secret.html", "/assets/../../secret.html", "/models/../../presets.py", "/models/..%2fpresets.json"),
        *("//etc/passwd", "/models/..%5cpresets.json", "/models/C:%5cx.json"),
    ],
)
def test_the_server_serves_nothing_else(answer, path):
    assert answer(path)[0] == 404


@pytest.mark.parametrize("name", ["..\\x.json", "C:\\x.json", "C:x.json", "../x.json", "x.py", "", "..", ".json"])
def test_names_that_lead_elsewhere_on_some_system(name):
    assert not web._is_asset(name)
    assert web._is_asset(f"{DEFAULT_PRESET}.LICENSE")


def test_the_page_and_the_server_say_the_same_of_what_may_be_loaded(answer):
    html = (ROOT / "web_demo" / "index.html").read_text(encoding="utf-8")
    assert answer("/")[2]["Content-Security-Policy"] == web.POLICY
    assert f'content="{web.POLICY}"' in html


def test_the_server_answers_to_its_own_name_only(answer):
    assert answer("/", "127.0.0.1")[0] == 200
    assert answer("/", "another.site")[0] == 403  # whose name was made to point to this computer


def test_the_server_needs_the_page_and_a_port(folder, tmp_path):
    with pytest.raises(PageError, match=r"index\.html: the page is not in this installation: .* `make page`"):
        PageServer(0, tmp_path)
    with PageServer(0, folder) as server:
        port = server.server_address[1]
        with pytest.raises(PageError, match=rf"^port {port}: cannot serve the page: another program has it; --port 0"):
            PageServer(port, folder)


@needs_page
@needs_posix
@pytest.mark.command
def test_the_command_serves_until_ctrl_c():
    command = [sys.executable, "-m", "keras_sep.cli", "web", "--no-browser", "--port", "0"]
    start = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, **start) as process, contextlib.ExitStack() as stop:
        stop.callback(process.kill)
        port = int(re.search(r"http://localhost:(\d+)/", process.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/", headers={"Host": "localhost"})
        assert b"keras-sep" in connection.getresponse().read()
        connection.close()
        process.send_signal(signal.SIGINT)
        assert (process.wait(30), process.stderr.read()) == (130, "keras-sep: interrupted\n")


def test_bad_ports_are_refused():
    for port in ("-1", "65536", "http", "²", "9" * 5000):
        result = here("web", "--port", port)
        assert result.returncode == 2
        assert f"expected a TCP port, 0 to 65535. Received: {port!r}" in result.stderr or port == "-1"
        assert len(result.stderr.splitlines()) == 1


def test_the_list_of_models_has_those_that_are_there(answer, tmp_path, monkeypatch):
    """A package has not all files of a preset; what was fetched is served, too."""
    assets, cache = tmp_path / "assets", tmp_path / "cache"
    assets.mkdir()
    cache.mkdir()
    presets = json.loads((web.ASSETS / "presets.json").read_text())
    (assets / "presets.json").write_text(json.dumps(presets))
    first, second, *missing = (file["file"] for file in presets["base"]["files"])
    (assets / first).write_bytes(b"installed")
    (cache / second).write_bytes(b"fetched")
    monkeypatch.setattr(web, "ASSETS", assets)
    monkeypatch.setattr(web, "cache_folder", lambda: cache)
    status, content, headers = answer("/models/presets.json")
    assert (status, headers["Content-Type"], headers["Content-Length"]) == (200, "application/json", str(len(content)))
    served = json.loads(content)
    assert {name: [file["file"] for file in preset["files"]] for name, preset in served.items()} == {
        **{name: [] for name in presets},
        "base": [first, second],
    }
    assert [answer(f"/models/{name}")[:2] for name in (first, second)] == [(200, b"installed"), (200, b"fetched")]
    assert answer(f"/models/{missing[0]}")[0] == 404
    assert answer("/models/presets.json", host="elsewhere")[0] == 403


# The page.


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with PageServer(0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture(scope="module")
def spoken(tmp_path_factory) -> Path:
    """What the fake microphone hears: 6 s of the example, again and again."""
    path = tmp_path_factory.mktemp("microphone") / "song.wav"
    song, rate = soundfile.read(EXAMPLE, frames=6 * RATE, dtype="float32")
    soundfile.write(path, song, rate, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser(spoken) -> Iterator[sync_api.Browser]:
    sync_api = pytest.importorskip("playwright.sync_api")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    arguments += ["--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream"]
    arguments += ["--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={spoken}"]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield browser
        browser.close()


class Visitor:
    """A tab with the page, and a person in front of it. Everything that leaves the computer is stopped and kept."""

    def __init__(self, browser: sync_api.Browser, url: str, folder: Path, **options):
        self.folder = folder
        self.context = browser.new_context(accept_downloads=True, **options)
        self.context.set_default_timeout(PATIENCE)
        self.strays: list[str] = []
        self.complaints: list[str] = []
        self.context.route(lambda address: not address.startswith(url), self._stop)
        self.tab = self.context.new_page()
        self.tab.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.tab.on("requestfailed", lambda request: self.complaints.append(f"{request.url}: {request.failure}"))
        self.url = url

    def _stop(self, route: sync_api.Route) -> None:
        self.strays.append(route.request.url)
        route.abort()

    def arrive(self) -> Visitor:
        self.tab.goto(self.url)
        self.wait("[data-model]")
        return self

    def wait(self, attributes: str) -> None:
        self.tab.locator(f"html{attributes}").wait_for(state="attached")

    def offer(self, path: Path) -> None:
        self.tab.set_input_files("#file", path)

    def separate(self, path: Path) -> None:
        self.offer(path)
        self.tab.get_by_role("heading", name=path.name).wait_for()
        self.wait("[data-state=separated]")

    def choose(self, file: Path) -> None:
        """A model of the visitor's own."""
        self.offer(file)
        self.wait(f'[data-model="{file.name}"]')

    def download(self) -> dict[str, np.ndarray]:
        tracks = {}
        for track in ("mixture", "vocals", "accompaniment"):
            with self.tab.expect_download() as download:
                self.tab.click(f"#download-{track}")
            assert download.value.suggested_filename.endswith(f" - {track}.wav")
            download.value.save_as(self.folder / f"{track}.wav")
            tracks[track], rate = soundfile.read(self.folder / f"{track}.wav", dtype="float32", always_2d=True)
            assert rate == RATE
        return tracks

    def level(self) -> float:
        """Of the output in dB, of the last 46 ms."""
        self.tab.wait_for_timeout(100)
        return float(self.tab.get_attribute("#level", "data-db"))

    def hears(self, low: float, high: float) -> None:
        """Three times in a row, once everything has settled: a gap on a busy machine is no wrong level."""
        heard: list[float] = []
        while len(heard) < 300:
            heard.append(self.level())
            if len(heard) > 2 and all(low <= level <= high for level in heard[-3:]):
                return
        raise AssertionError(f"expected a level from {low} to {high} dB. Received: {heard[::20]}")


@pytest.fixture
def visit(browser, served, tmp_path) -> Iterator[Visitor]:
    visitor = Visitor(browser, served, tmp_path).arrive()
    yield visitor
    visitor.context.close()
    assert visitor.complaints == []
    assert visitor.strays == []


def excerpt(path: Path, seconds: float = 8.0, **options) -> Path:
    song, rate = soundfile.read(EXAMPLE, frames=round(seconds * RATE), dtype="float32")
    soundfile.write(path, song, rate, **options)
    return path


def error(a: np.ndarray, b: np.ndarray) -> float:
    length = min(len(a), len(b))
    return float(np.abs(a[:length] - b[:length]).max())


def on_the_page(test):
    return pytest.mark.browser(needs_page(needs_chromium(test)))


# dynamic_int8 rounds what other kernels add up in another order: of the example, at full scale, at most this much.
TOLERANCE = 2e-3


@on_the_page
@pytest.mark.parametrize("preset", WITH_WAVEFORM)
def test_a_file_is_separated_as_python_does(visit, tmp_path, preset):
    path = excerpt(tmp_path / "song.flac", 8.01, subtype="PCM_16")
    visit.tab.select_option("#model", label=re.search(rf" *{preset}, .*", visit.tab.inner_text("#model"))[0].strip())
    visit.tab.locator("#file:enabled").wait_for(state="attached")  # the model is loaded again, if it was there already
    visit.wait(f'[data-model^="{preset}-waveform"]')
    visit.separate(path)
    page = visit.download()
    song, _ = soundfile.read(path, dtype="float32")
    # Chromium divides the positive 16-bit samples by 32767 and the negative ones by 32768.
    assert page["mixture"].shape == song.shape
    assert error(page["mixture"], song) < 1.01 / 32768
    python = Separator(preset, graph="waveform").separate(page["mixture"], RATE)
    for stem, samples in python.items():
        assert page[stem].shape == samples.shape
        assert error(page[stem], samples) <= TOLERANCE
        assert np.square(samples).sum() > 10**4.5 * np.square(page[stem] - samples).sum()  # 45 dB
        assert error(page[stem][1:], samples) > 10 * TOLERANCE  # it is not the tolerance that makes them equal


@on_the_page
@pytest.mark.parametrize(
    ("name", "rate", "channels", "samples"), [("mono.wav", 48000, 1, 60001), ("least.wav", RATE, 2, 2048)]
)
def test_songs_of_other_shapes(visit, music, tmp_path, name, rate, channels, samples):
    visit.choose(GOLDEN / "unit-waveform-float32.tflite")
    song = music(2.0, rate, channels)[:samples]
    soundfile.write(tmp_path / name, song, rate, subtype="FLOAT")
    visit.separate(tmp_path / name)
    page = visit.download()
    assert abs(len(page["mixture"]) - samples * RATE / rate) <= 1
    assert page["mixture"].shape[1] == 2
    inside = slice(200, -200)  # a resampler rings at the ends
    if channels == 1:
        assert error(page["mixture"][:, 0], page["mixture"][:, 1]) == 0
        assert error(page["mixture"][inside], music(2.0, RATE, 1)[: len(page["mixture"])][inside]) < 1e-2
    else:
        assert error(page["mixture"], song) == 0
    assert error(page["vocals"], page["mixture"]) < 1e-5
    assert error(page["accompaniment"], page["mixture"] / 2) < 1e-5


@on_the_page
def test_sliders_buttons_and_keys_act(visit, tmp_path):
    """With the model whose voice is the song and whose accompaniment is half of it."""
    visit.choose(GOLDEN / "unit-waveform-float32.tflite")
    tone = 0.1 * np.sin(2 * np.pi * 441 * np.arange(60 * RATE) / RATE)  # its level: −23.01 dB
    soundfile.write(tmp_path / "tone.wav", tone.astype(np.float32), RATE, subtype="FLOAT")
    visit.separate(tmp_path / "tone.wav")
    tab = visit.tab
    visit.hears(-19.59, -19.39)
    tab.click("#karaoke")
    visit.hears(-29.13, -28.93)
    tab.get_by_role("slider", name="Accompaniment").fill("6")
    visit.hears(-23.11, -22.91)
    tab.get_by_role("slider", name="Voice").fill("-60")
    tab.get_by_role("slider", name="Accompaniment").fill("-60")
    assert tab.locator("#accompaniment-db").inner_text() == "silent"
    visit.hears(-200, -90)
    tab.locator("body").press("o")
    assert tab.get_attribute("#original", "aria-pressed") == "true"
    visit.hears(-23.11, -22.91)
    tab.locator("body").press("v")
    assert tab.get_attribute("#original", "aria-pressed") == "false"
    assert (tab.input_value("#vocals"), tab.input_value("#accompaniment")) == ("0", "-60")
    visit.hears(-23.11, -22.91)
    tab.get_by_role("slider", name="Voice").press("ArrowLeft")
    assert tab.locator("#vocals-db").inner_text() == "−1 dB"
    tab.get_by_role("slider", name="Position").fill("0.5")
    tab.get_by_text(re.compile(r"0:3\d / 1:00")).wait_for()
    tab.locator("body").press(" ")
    tab.get_by_role("button", name="Play").wait_for()
    visit.hears(-200, -90)
    before = tab.locator("#time").inner_text()
    tab.wait_for_timeout(1500)
    assert tab.locator("#time").inner_text() == before


@on_the_page
def test_wrong_files_get_a_clear_message_and_the_page_goes_on(visit, tmp_path):
    (tmp_path / "notes.txt").write_text("no music")
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "foreign.tflite").write_bytes(b"\0" * 99)
    (tmp_path / "cut.tflite").write_bytes((GOLDEN / "unit-waveform-float32.tflite").read_bytes()[:-9])
    shutil.copy(GOLDEN / "unit-mask-float32.tflite", tmp_path / "mask.tflite")
    soundfile.write(tmp_path / "short.wav", np.zeros((2047, 2)), RATE)
    for name, message in {
        "notes.txt": "notes.txt: expected an audio file that this browser can play. Received: text/plain, 8 bytes",
        "empty.wav": "empty.wav: expected audio. Received: an empty file",
        "short.wav": "short.wav: expected at least 46 ms of audio. Received: 2047 samples",
        "foreign.tflite": "foreign.tflite: expected a .tflite file. Received: 99 bytes that are not one",
        "cut.tflite": "cut.tflite: the .tflite file is damaged",
        "mask.tflite": "mask.tflite: expected a waveform graph, samples in and stems out. Received: a mask graph",
    }.items():
        visit.offer(tmp_path / name)
        visit.tab.locator("#error", has_text=message).wait_for()
    visit.separate(excerpt(tmp_path / "song.wav", 1.0))
    assert visit.tab.locator("#error").is_hidden()


@on_the_page
def test_a_song_while_another_is_being_separated(visit, tmp_path):
    song, rate = soundfile.read(EXAMPLE, dtype="int16")
    soundfile.write(tmp_path / "long.wav", np.tile(song, (10, 1)), rate)
    visit.offer(tmp_path / "long.wav")
    visit.tab.get_by_role("heading", name="long.wav").wait_for()
    assert visit.tab.get_attribute("html", "data-state") == "file"
    visit.separate(excerpt(tmp_path / "other.wav", 2.0))
    page = visit.download()
    assert page["vocals"].shape == (2 * RATE, 2)
    python = Separator(graph="waveform", precision="dynamic_int8").separate(page["mixture"], RATE)
    # Nothing of the other one, nor of its states.
    assert error(page["vocals"], python["vocals"]) <= 1e-3


@on_the_page
def test_live_is_the_same_stream(visit, spoken):
    visit.tab.click("#microphone")
    visit.wait("[data-state=live]")
    visit.tab.wait_for_timeout(1500)
    visit.tab.click("#record")
    visit.tab.wait_for_timeout(5000)
    visit.tab.click("#record")
    visit.tab.get_by_role("button", name="Stop").click()
    page = visit.download()
    heard = page["mixture"]
    assert len(heard) > 3 * RATE
    assert re.fullmatch(r"\d+ ms", visit.tab.locator("#latency").inner_text())
    assert re.fullmatch(r"\d+ / \d+", visit.tab.locator("#runs").inner_text())
    # What it heard is the microphone's song. The fake device may click where a busy machine made it late.
    song, _ = soundfile.read(spoken, dtype="float32")
    loop = np.concatenate([song, song])[:, 0]
    sounds = np.convolve(heard[RATE : 3 * RATE, 0] ** 2, np.ones(16384), "valid")
    window = heard[RATE + int(np.argmax(sounds)) :, 0][:16384]
    size = 1 << 20
    found = np.fft.irfft(np.fft.rfft(loop, size) * np.conj(np.fft.rfft(window, size)), size)
    lag = int(np.argmax(found[: len(loop) - len(window)]))
    assert np.corrcoef(loop[lag : lag + len(window)], window)[0, 1] > 0.9
    # Its stems are Python's of what it heard, once a stream from zero states remembers as much as one that went on.
    python = StreamingSeparator(graph="waveform", precision="dynamic_int8")
    stems = {stem: samples[python.algorithmic_latency :] for stem, samples in python.push(heard).items()}
    for stem, samples in stems.items():
        late = slice(2 * RATE, len(samples))
        noise = np.sum((page[stem][late] - samples[late]) ** 2)
        assert 10 * np.log10(np.sum(samples[late] ** 2) / noise) > 10
        shifted = np.sum((page[stem][late][500:] - samples[late][:-500]) ** 2)
        assert 10 * np.log10(np.sum(samples[late] ** 2) / shifted) < 3


@on_the_page
def test_live_with_a_model_without_memory_is_exact(visit):
    """The unit model: what comes back is what was heard, sample for sample, however the blocks fell."""
    visit.choose(GOLDEN / "unit-waveform-float32.tflite")
    visit.tab.click("#microphone")
    visit.wait("[data-state=live]")
    visit.tab.click("#record")
    visit.tab.wait_for_timeout(2500)
    visit.tab.click("#record")
    page = visit.download()
    assert len(page["mixture"]) > RATE
    assert np.abs(page["mixture"]).max() > 0.01
    assert error(page["vocals"], page["mixture"]) < 1e-5
    assert error(page["accompaniment"], page["mixture"] / 2) < 1e-5
    visit.hears(-60, 0)
    visit.tab.click("#stop")
    visit.tab.get_by_text("Stopped.").wait_for()


TAB_SOUND = """
navigator.mediaDevices.getDisplayMedia = async () => {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 441 });
  const quiet = new GainNode(context, { gain: 0.1 });
  const end = new MediaStreamAudioDestinationNode(context);
  tone.connect(quiet).connect(end);
  tone.start();
  window.captured = end.stream;
  return end.stream;
};
"""


@on_the_page
def test_a_captured_tab_until_it_closes(browser, served, tmp_path):
    """Without a screen Chromium captures no tab: its sound is a tone of −23.01 dB, given to the page in its place."""
    visitor = Visitor(browser, served, tmp_path)
    visitor.tab.add_init_script(TAB_SOUND)
    visitor.arrive()
    visitor.choose(GOLDEN / "unit-waveform-float32.tflite")
    visitor.tab.click("#tab")
    visitor.wait("[data-state=live]")
    visitor.tab.click("#karaoke")
    visitor.tab.click("#record")
    visitor.tab.wait_for_timeout(1000)
    visitor.hears(-29.5, -28.5)
    visitor.tab.evaluate("captured.getAudioTracks()[0].dispatchEvent(new Event('ended'))")
    visitor.tab.locator("#error", has_text="Captured tab: the device or the tab has gone; choose it again.").wait_for()
    assert len(visitor.download()["vocals"]) > RATE / 2  # what was recorded is kept
    visitor.context.close()
    assert visitor.complaints == []


@on_the_page
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("throw new DOMException('no', 'NotAllowedError')", "The browser was not allowed to open a tab."),
        ("return new MediaStream()", "Expected a tab with its sound. Received: a picture alone"),
    ],
)
def test_a_tab_that_is_refused(browser, served, tmp_path, answer, message):
    visitor = Visitor(browser, served, tmp_path)
    visitor.tab.add_init_script(f"navigator.mediaDevices.getDisplayMedia = async () => {{ {answer} }}")
    visitor.arrive()
    visitor.tab.click("#tab")
    visitor.tab.locator("#error", has_text=message).wait_for()
    assert visitor.tab.locator("#stage").is_hidden()
    visitor.context.close()


# Looking at the clock, which every step does twice, takes 20 ms: a step is longer than the 11.6 ms of its samples.
SLOW_CLOCK = (
    "{const now=performance.now.bind(performance);performance.now=()=>{const t=now();while(now()<t+20);return t}}"
)


@on_the_page
def test_a_slow_device_is_warned_and_does_not_fall_behind_for_ever(browser, served, tmp_path):
    visitor = Visitor(browser, served, tmp_path)

    def slow_down(route: sync_api.Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=SLOW_CLOCK + response.text())

    visitor.context.route("**/separator.worker*.js", slow_down)
    visitor.arrive()
    visitor.tab.locator("#slow", has_text=re.compile(r"This device needs \d+ % of real time")).wait_for()
    visitor.tab.click("#microphone")
    visitor.wait("[data-state=live]")
    visitor.tab.locator("#runs", has_text=re.compile(r"/ \d\d+")).wait_for()  # what piles up is thrown away
    visitor.tab.click("#stop")  # and it still hears
    visitor.tab.get_by_text("Stopped.").wait_for()
    visitor.context.close()
    assert visitor.complaints == []


@on_the_page
def test_the_last_thing_asked_for_counts(visit, tmp_path):
    """A long song, a short one while it is decoded, another model at once: nothing of one ends up in another."""
    song, rate = soundfile.read(EXAMPLE, dtype="int16")
    soundfile.write(tmp_path / "long.flac", np.tile(song, (12, 1)), rate)
    visit.offer(tmp_path / "long.flac")
    visit.offer(excerpt(tmp_path / "short.wav", 1.0))
    visit.tab.get_by_role("heading", name="short.wav").wait_for()
    visit.tab.wait_for_timeout(3000)
    assert visit.tab.get_by_role("heading", name="short.wav").is_visible()
    visit.offer(tmp_path / "long.flac")
    visit.choose(GOLDEN / "unit-waveform-float32.tflite")
    visit.tab.wait_for_timeout(3000)
    assert visit.tab.locator("#stage").is_hidden()
    visit.tab.locator("#microphone").dblclick()
    visit.wait("[data-state=live]")
    visit.tab.click("#stop")
    assert visit.tab.locator("#error").is_hidden()


@on_the_page
def test_at_its_end_a_song_leaves_everybody_in_peace(browser, served, tmp_path):
    """The page and the audio thread talk to each other some 20 times a second, not all the time."""
    visitor = Visitor(browser, served, tmp_path)
    visitor.tab.add_init_script(
        "let told = 0; const post = MessagePort.prototype.postMessage; window.told = () => told;"
        "MessagePort.prototype.postMessage = function (...a) { told += 1; return post.apply(this, a); };"
    )
    visitor.arrive()
    visitor.separate(excerpt(tmp_path / "song.wav", 1.0))
    visitor.tab.get_by_role("button", name="Play").wait_for()
    before = visitor.tab.evaluate("told()")
    visitor.tab.wait_for_timeout(1000)
    assert visitor.tab.evaluate("told()") - before < 50
    visitor.context.close()


@on_the_page
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_fits_and_everybody_can_use_it(browser, served, tmp_path, width, scheme):
    options = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    visitor = Visitor(browser, served, tmp_path, bypass_csp=True, **options).arrive()  # for axe, which is injected
    visitor.separate(excerpt(tmp_path / f"A song with {'a_very_long_name_' * 5}.wav", 2.0))
    visitor.tab.click("summary")
    assert visitor.tab.evaluate("document.documentElement.scrollWidth") <= width
    visitor.tab.add_script_tag(path=AXE)
    violations = visitor.tab.evaluate("axe.run().then(({violations}) => violations)")
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in violations] == []
    if folder := os.environ.get("KERAS_SEP_SCREENSHOTS"):  # to look at
        visitor.tab.screenshot(path=Path(folder) / f"page-{width}-{scheme}.png", full_page=True)
    visitor.context.close()
    assert visitor.complaints == []


@on_the_page
def test_any_static_host_will_do(browser, tmp_path):
    """The folder alone, below a path, without headers: Python's plain server instead of ours."""
    shutil.copytree(PAGE, tmp_path / "site" / "deep" / "page")
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", tmp_path / "site", "0"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    with subprocess.Popen(command, **pipes) as host, contextlib.ExitStack() as stop:
        stop.callback(host.kill)
        port = re.search(r"port (\d+)", host.stdout.readline())[1]
        visitor = Visitor(browser, f"http://127.0.0.1:{port}/deep/page/", tmp_path).arrive()
        visitor.separate(excerpt(tmp_path / "song.wav", 1.0))
        assert visitor.download()["vocals"].shape == (RATE, 2)
        visitor.context.close()
    assert (visitor.complaints, visitor.strays) == ([], [])
