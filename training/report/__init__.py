"""The report of result folders: one self-contained HTML page and one Markdown file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from common.files import write_text, written_beside
from training.report.load import load_report
from training.report.markdown_page import markdown, measured
from training.report.page import page


def write_summary(folder: Path) -> str:
    """Writes the tables of a result folder to its summary.md, and returns them in Markdown.

    Raises:
        ValueError: a file is missing or broken; names the file and what was expected in it.
    """
    text = measured(load_report([folder], folder.name))
    write_text(folder / "summary.md", text)
    return text


def write_report(folders: list[Path], out: Path, title: str, players: int) -> Path:
    """Writes the page and the table of one or more result folders; each whole or not at all.

    Args:
        folders: result folders, one or more; training/evaluation/results.py documents their files.
        out: folder for index.html and table.md, created if needed; or FILE.html, and FILE.md is written next to it.
        title: title of the page.
        players: number of songs with audio players, ≥ 0; those with the most voice are chosen.

    Returns:
        The path of the page.

    Raises:
        ValueError: an argument is wrong, or a result folder is incomplete; names the path and what was expected.
    """
    if players < 0:
        raise ValueError(f"--players: expected 0 or more. Received: {players}")
    if out.suffix.lower() in (".html", ".htm"):
        target, table = out, out.with_suffix(".md")
    else:
        target, table = out / "index.html", out / "table.md"
        if out.exists() and not out.is_dir():
            raise ValueError(f"{out}: expected a folder for the report, or a name that ends in .html")
    if not out.absolute().parent.is_dir():
        raise ValueError(f"{out}: expected a name in an existing folder")
    report = load_report(folders, title)
    # Both texts are made before anything is written.
    texts = {table: markdown(report), target: page(report, players)}
    target.parent.mkdir(exist_ok=True)
    with ExitStack() as stack:
        # The stack unwinds in reverse, so that the page, for which readers look, is renamed last.
        parts = {path: stack.enter_context(written_beside(path)) for path in (target, table)}
        for path, part in parts.items():
            part.write_text(texts[path], encoding="utf-8")
    return target
