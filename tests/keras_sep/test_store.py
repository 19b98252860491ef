from __future__ import annotations

import functools
import http.server
import threading

import pytest

from keras_sep import store
from keras_sep.errors import ModelFileError

CONTENT = b"weights" * 100_000  # more than a block
SHA256 = "b43d4b225cae81641a7c61f542847bc7a07f769354b0b2f2cc353b9d3f14af2c"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_SEP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "n.keras").write_bytes(CONTENT)
    return tmp_path / "source"


@pytest.fixture
def server(folder):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    ) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}/"
        listening.shutdown()


@pytest.mark.parametrize("kind", ["folder", "http", "file"])
def test_a_file_is_fetched_once_and_then_found(folder, server, cache, kind):
    source = {"folder": folder, "http": server, "file": folder.as_uri()}[kind]
    with pytest.raises(ModelFileError, match=r"n\.keras is not a part of this installation: keras-sep fetch"):
        store.find("n.keras", SHA256)
    path = store.fetch("n.keras", SHA256, source)
    assert path == cache / "n.keras" == store.find("n.keras", SHA256)
    assert path.read_bytes() == CONTENT
    (folder / "n.keras").unlink()
    assert store.fetch("n.keras", SHA256, source) == path  # it is there
    assert [p.name for p in cache.iterdir()] == ["n.keras"]


def test_another_file_of_the_name_is_refused_and_leaves_nothing(folder, cache):
    (folder / "n.keras").write_bytes(b"other")
    with pytest.raises(ModelFileError, match=rf"n\.keras: expected SHA-256 {SHA256}\. Received: d9298a10"):
        store.fetch("n.keras", SHA256, folder)
    assert list(cache.iterdir()) == []


def test_a_damaged_file_of_the_cache_is_named_and_fetched_again(folder, cache):
    cache.mkdir()
    (cache / "n.keras").write_bytes(b"other")
    with pytest.raises(ModelFileError, match=r"expected SHA-256 .* Received: d9298a10.*; fetch it again"):
        store.find("n.keras", SHA256)
    assert store.fetch("n.keras", SHA256, folder).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", r"nowhere.n\.keras: cannot be fetched: No such file"),
        ("ftp://host/files", r"expected a folder, or a URL with https, http, file\. Received: ftp://host/files"),
        ("http://[bad", r"expected a folder, or a URL\. Received: http://\[bad \("),
        ("http://localhost:abc/", r"n\.keras: cannot be fetched: nonnumeric port: 'abc'"),
        ("http://127.0.0.1:9/files", r"http://127\.0\.0\.1:9/files/n\.keras: cannot be fetched: .*refused"),
    ],
)
def test_a_source_that_cannot_be_read_is_named(source, message, cache):
    with pytest.raises(ModelFileError, match=message):
        store.fetch("n.keras", SHA256, source)
    assert not any(cache.iterdir()) if cache.exists() else True


def test_a_page_that_is_not_there_is_named(server):
    with pytest.raises(ModelFileError, match=r"o\.keras: cannot be fetched: .*File not found"):
        store.fetch("o.keras", SHA256, server)


def test_the_cache_is_the_platform_s(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_SEP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert store.cache_folder() == tmp_path / "keras_sep"
    monkeypatch.setattr("sys.platform", "darwin")
    assert store.cache_folder().parts[-3:] == ("Library", "Caches", "keras_sep")
