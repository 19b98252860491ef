"""The page of web_demo/ on localhost: static files and nothing else; separating is the browser's work.

The wheel holds the built page without its models, which are the package's own assets.
"""

from __future__ import annotations

import errno
import functools
import http.server
import io
import json
import posixpath
import sys
import threading
import urllib.parse
import webbrowser
from http import HTTPStatus
from pathlib import Path, PureWindowsPath
from typing import Any

from keras_sep.errors import PageError
from keras_sep.store import ASSETS, cache_folder, example

PAGE = Path(__file__).parent / "page"
_MODELS = "/models/"
_EXAMPLE = "/example/mixture.flac"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
# Not left to the system's tables: a browser runs neither scripts nor WebAssembly that come as text/plain.
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".flac": "audio/flac",
    ".tflite": "application/octet-stream",
    ".LICENSE": "text/plain; charset=utf-8",
}


class PageServer(http.server.ThreadingHTTPServer):
    """A server of the page on 127.0.0.1, for this computer alone, with socketserver's `serve_forever`.

    Args:
        port: TCP port, 0 for any that is free.
        page: folder of the built page.

    Attributes:
        url: address of the page.

    Raises:
        PageError: the page is not there, or the port is taken.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.web import PageServer
        >>> _ = Path("index.html").write_text("<p>a page</p>")
        >>> with PageServer(0, page=Path.cwd()) as server:
        ...     server.url.startswith("http://localhost:")
        True
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would share the port with another program

    def __init__(self, port: int, page: Path = PAGE):
        if not (page / "index.html").is_file():
            raise PageError(
                f"{page / 'index.html'}: the page is not in this installation: "
                "expected a released wheel, or a checkout in which `make page` has built it (with Node.js)"
            )
        try:
            super().__init__(("127.0.0.1", port), functools.partial(_Handler, directory=str(page)))
        except (OSError, OverflowError) as error:
            reason = "another program has it" if getattr(error, "errno", 0) == errno.EADDRINUSE else error
            raise PageError(f"port {port}: cannot serve the page: {reason}; --port 0 takes any that is free") from error
        self.url = f"http://localhost:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does nothing: a browser may go away in the middle of a file."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = _TYPES

    def send_head(self) -> Any:
        host = self.headers.get("Host", "").rsplit(":", 1)[0].lower()
        if host not in ("localhost", "127.0.0.1"):  # another site's name that was made to point here
            self.send_error(HTTPStatus.FORBIDDEN, "expected localhost")
            return None
        if urllib.parse.urlsplit(self.path).path == f"{_MODELS}presets.json":
            content = _presets()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            return io.BytesIO(content)
        path = Path(self.translate_path(self.path))
        if not (path.is_file() or (path.is_dir() and urllib.parse.urlsplit(self.path).path == "/")):
            self.send_error(HTTPStatus.NOT_FOUND)  # no lists of folders
            return None
        return super().send_head()

    def translate_path(self, path: str) -> str:
        clean = posixpath.normpath(urllib.parse.unquote(urllib.parse.urlsplit(path).path))
        name = clean.removeprefix(_MODELS)
        if clean.startswith(_MODELS) and _is_asset(name):
            return str(_model_file(name))
        if clean == _EXAMPLE:
            return str(example() / "mixture.flac")
        return super().translate_path(path)

    def end_headers(self) -> None:
        # Isolated from other origins, the browser gives a page its precise clock, which the step times are read off.
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        # The page says so itself; its worker listens to the header alone.
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")  # the next version has the same address
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing."""


def _model_file(name: str) -> Path:
    """Returns where a file of a preset is: in the installation, or else where `keras-sep fetch` puts it."""
    return next((path for path in (ASSETS / name, cache_folder() / name) if path.is_file()), ASSETS / name)


def _presets() -> bytes:
    """Returns presets.json with those files alone that are there: a package has not all of them."""
    presets = json.loads((ASSETS / "presets.json").read_text(encoding="utf-8"))
    for preset in presets.values():
        preset["files"] = [file for file in preset["files"] if _model_file(file["file"]).is_file()]
    return json.dumps(presets).encode()


def _is_asset(name: str) -> bool:
    """Whether `name` is a file's name and nothing more, also for Windows, where `\\` and a drive lead elsewhere."""
    return PureWindowsPath(name).name == name and Path(name).suffix in (".json", ".tflite", ".LICENSE")


def serve(port: int, open_browser: bool = True) -> None:
    """Serves the page until it is interrupted, and opens the browser on it.

    Examples:
        >>> from keras_sep.web import serve
        >>> serve(8000)  # doctest: +SKIP
    """
    with PageServer(port) as server:
        print(f"{server.url}  (Ctrl-C ends it)", flush=True)
        if open_browser:
            # In a thread: a browser of the terminal stays until it is left, and wants to be answered meanwhile.
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        server.serve_forever(poll_interval=0.2)
