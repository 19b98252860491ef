"""The report: result folders in, one HTML page that needs nothing else and one Markdown file out."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from common.files import write_text, written_beside
from training.report.load import load_report
from training.report.markdown_page import markdown, measured
from training.report.page import page


def write_summary(folder: Path) -> str:
    """Writes summary.md, the tables of a result folder, into it, and returns them.

    Raises:
        ValueError: names the file and what was expected in it.
    """
    text = measured(load_report([folder], folder.name))
    write_text(folder / "summary.md", text)
    return text


def write_report(folders: list[Path], out: Path, title: str, players: int) -> Path:
    """Writes the page and the table of one or more result folders; both whole or not at all.

    Args:
        folders: result folders, laid out as training/evaluation/results.py says.
        out: folder for index.html and table.md, made if it is missing; or FILE.html, with FILE.md beside it.
        title: of the page.
        players: songs with audio players, ≥ 0.

    Returns:
        The path of the page.

    Raises:
        ValueError: names the path or the option and what was expected.
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
    # Everything is made before anything is written, and the page, which is looked for, comes last.
    texts = {table: markdown(report), target: page(report, players)}
    target.parent.mkdir(exist_ok=True)
    with ExitStack() as stack:
        # Left in reverse: the page last.
        parts = {path: stack.enter_context(written_beside(path)) for path in (target, table)}
        for path, part in parts.items():
            part.write_text(texts[path], encoding="utf-8")
    return target
