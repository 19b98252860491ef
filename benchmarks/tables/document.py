"""The part of a document between the markers `<!-- NAME: begin -->` and `<!-- NAME: end -->`, which holds tables."""

from __future__ import annotations

from pathlib import Path

from common.files import written_beside


def require_markers(path: Path, name: str) -> None:
    """Raises ValueError unless the document has each marker of `name` once, in the right order."""
    text, (begin, end) = path.read_text(encoding="utf-8"), markers(name)
    begins, ends = text.count(begin), text.count(end)
    if (begins, ends) != (1, 1) or text.index(begin) > text.index(end):
        raise ValueError(f"{path}: expected one {begin} and one {end} after it. Received: {begins} and {ends}")


def write_between_markers(path: Path, name: str, text: str) -> None:
    """Replaces the text between the markers of `name`; the rest stays byte for byte.

    Raises:
        ValueError: the document does not have each marker once, in the right order.
    """
    require_markers(path, name)
    begin, end = markers(name)
    content = path.read_bytes().decode()  # bytes, so that line ends stay as they are
    before, rest = content.split(begin)
    after = rest.split(end)[1]
    with written_beside(path.resolve()) as part:
        part.write_bytes(f"{before}{begin}\n\n{text}\n\n{end}{after}".encode())


def markers(name: str) -> tuple[str, str]:
    """Returns the begin and the end marker of `name`."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
