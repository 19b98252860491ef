"""The documentation builds without a warning and without a network, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# No way out: whatever asked for anything from the network would fail.
OFFLINE = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("source", "src"), ("iframe", "src")}


class Page(HTMLParser):
    """The links, anchors and loaded files of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") == "canonical":
            return
        self.loaded += [values[name] for kind, name in LOADED if kind == tag and values.get(name)]


def _broken(pages: dict[Path, Page]) -> list[str]:
    """Lists the links within the site that lead nowhere."""
    found = []
    for path, page in pages.items():
        for link in page.links + page.loaded:
            url = urllib.parse.urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (path.parent / urllib.parse.unquote(url.path)).resolve() if url.path else path
            anchor = urllib.parse.unquote(url.fragment)
            if target.is_dir():
                target /= "index.html"
            there = target.is_file() and (not anchor or target not in pages or anchor in pages[target].anchors)
            if not there and anchor != "__skip":
                found.append(f"{path.name}: {link}")
    return found


@pytest.fixture(scope="module")
def site(once) -> Path:
    def build(folder: Path) -> None:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
        environment = {**os.environ, **OFFLINE, "NO_MKDOCS_2_WARNING": "1"}
        subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True, text=True)

    return once("site", build)


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    paths = [path.resolve() for path in site.rglob("*.html") if path.name != "404.html"]
    return {path: Page(path.read_text(encoding="utf-8")) for path in paths}


@pytest.mark.slow("builds the site")
def test_every_link_leads_somewhere(pages):
    assert len(pages) > 30
    assert sum(len(page.links) for page in pages.values()) > 1000
    assert _broken(pages) == []


def test_a_broken_link_is_found(tmp_path):
    path = (tmp_path / "a.html").resolve()
    path.write_text('<a href="b.html">b</a><a href="#there">c</a><a href="#nowhere">d</a><p id="there">')
    page = Page(path.read_text())
    assert _broken({path: page}) == ["a.html: b.html", "a.html: #nowhere"]


@pytest.mark.slow("builds the site")
def test_pages_load_nothing_from_the_network(site, pages):
    outside = {link for page in pages.values() for link in page.loaded if urllib.parse.urlsplit(link).netloc}
    assert outside == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import\s+)[\"']?(?:https?:)?//", styles) == []
    assert not [path.name for path in site.rglob("*.py")]


@pytest.mark.slow("builds the site")
def test_every_module_is_in_the_reference(pages):
    anchors = set().union(*(page.anchors for path, page in pages.items() if path.parent.name == "reference"))
    folders = {"keras_sep", "keras_sep._version", "keras_sep.assets", "keras_sep.models.layers"}  # without public names
    for path in (ROOT / "keras_sep").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name not in folders:
            assert name in anchors, f"{name} is on no page of docs/reference"


def test_links_between_files_of_the_repository_hold():
    """As a forge shows them: README.md and the rest, and the pages of docs/ to one another."""
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*_demo/*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            name = link.split("#")[0]
            if not name or "://" in link or name in ("model-card.md", "../model-card.md", "changelog.md"):
                continue  # the last three are made of files in the root
            assert (path.parent / name).exists(), f"{path.relative_to(ROOT)}: {link}"
