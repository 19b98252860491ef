"""The parts of a document between markers `<!-- NAME: begin -->` and `<!-- NAME: end -->`, which hold tables."""

from __future__ import annotations

from pathlib import Path

from common.files import written_beside


def markers(name: str) -> tuple[str, str]:
    """Returns the begin and the end marker of `name`."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def between(text: str, name: str) -> str:
    """Returns what is between the markers of `name`, without empty lines around it.

    Raises:
        ValueError: a text without each marker once, in the right order.
    """
    return _split(text, name)[1].strip()


def filled(text: str, name: str, content: str) -> str:
    """Replaces what is between the markers of `name`; the rest stays.

    Raises:
        ValueError: a text without each marker once, in the right order.
    """
    before, _, after = _split(text, name)
    begin, end = markers(name)
    return f"{before}{begin}\n\n{content.strip()}\n\n{end}{after}"


def require_markers(path: Path, name: str) -> None:
    """Raises ValueError unless the document has each marker of `name` once, in the right order."""
    try:
        _split(path.read_text(encoding="utf-8"), name)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_between_markers(path: Path, name: str, text: str) -> None:
    """Replaces the text between the markers of `name`; the rest stays byte for byte.

    Raises:
        ValueError: the document does not have each marker once, in the right order.
    """
    require_markers(path, name)
    content = path.read_bytes().decode()  # bytes, so that line ends stay as they are
    with written_beside(path.resolve()) as part:
        part.write_bytes(filled(content, name, text).encode())


def _split(text: str, name: str) -> tuple[str, str, str]:
    begin, end = markers(name)
    begins, ends = text.count(begin), text.count(end)
    if (begins, ends) != (1, 1) or text.index(begin) > text.index(end):
        raise ValueError(f"expected one {begin} and one {end} after it. Received: {begins} and {ends}")
    before, rest = text.split(begin)
    inside, after = rest.split(end)
    return before, inside, after
