"""The tables of docs/guide/formats.md: what is read, and what becomes of damage, by trying it; what is written.

`python -m tests.support.format_tables` writes them into the page.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np

from common.markdown import table
from keras_sep import AudioError
from keras_sep.audio import FORMATS, AudioReader
from tests.support.coded import FILE_KINDS, lag, write_kind
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "guide" / "formats.md"
READ_HEADS = ("file", "samples", "length", "its last two fifths missing", "1500 bytes overwritten")
WRITTEN_HEADS = ("`--format`", "file", "samples", "sample rates", "channels", "kbit/s", "tags", "cover")
SECONDS = 4


def read_row(name: str, folder: Path) -> tuple[str, ...]:
    """A row of the first table; `folder` is written to."""
    kind, path = FILE_KINDS[name], folder / name
    random = np.random.default_rng(0)
    t = np.arange(SECONDS * kind.sample_rate + 13)[:, None] / kind.sample_rate
    x = 0.3 * np.sin(2 * np.pi * (300 + 40 * t) * t * [[1.0, 1.3]]) + random.normal(0, 0.003, (len(t), 2))
    x = x.astype(np.float32)
    write_kind(path, x, kind)
    content = path.read_bytes()
    whole, warning = _read(path)
    assert whole is not None
    assert not warning, warning
    late = lag(whole, x)
    behind = len(whole) - late - len(x)
    if kind.atol is None:
        samples = "lossy"
    else:
        assert np.abs(whole - x).max() <= kind.atol, name
        samples = "as they are"
    length = "to the sample" if late == behind == 0 else f"{_more(late)} before, {_more(behind)} behind"
    path.write_bytes(content[: len(content) * 3 // 5])
    cut = _outcome(*_read(path))
    middle = len(content) // 2
    path.write_bytes(content[:middle] + random.bytes(1500) + content[middle + 1500 :])
    return f"{kind.what} ({path.suffix.lower()})", samples, length, cut, _outcome(*_read(path))


def written_rows() -> list[tuple[str, ...]]:
    """The rows of the second table."""
    rows = []
    for format in FORMATS.values():
        if format.sample_rates:
            rates = ", ".join(map(str, format.sample_rates)) + " Hz; others become the next of them"
        else:
            rates = f"any up to {format.highest_rate} Hz"
        bits = f"{format.bitrates[0]} to {format.bitrates[1]}, else {format.bitrate}" if format.bitrates else "–"
        tags = "some" if format.container == "wav" else "yes"
        cover = "yes" if format.holds_cover else "no"
        channels = f"up to {format.most_channels}"
        rows.append((format.name, format.suffix, format.description, rates, channels, bits, tags, cover))
    return rows


def _read(path: Path) -> tuple[np.ndarray | None, str]:
    try:
        with AudioReader(path) as reader:
            return np.concatenate(list(reader.blocks())), " ".join(reader.warnings)
    except AudioError as error:
        return None, str(error)


def _outcome(x: np.ndarray | None, warning: str) -> str:
    if x is None:
        return "refused: not finite" if "finite" in warning else "refused: nothing can be decoded"
    if not warning:
        return "not noticed"
    if "at least" in warning:
        return "left out; says where, and how much at least"
    return f"left out; says where, {'not ' if 'does not say' in warning else 'and '}how much"


def _more(samples: int) -> str:
    return f"{-samples} missing" if samples < 0 else str(samples)


def page_with(tables: dict[str, str], page: str) -> str:
    """The page with these tables, each between its two comments."""
    for name, text in tables.items():
        mark = rf"(<!-- table {name}.*? -->\n).*?(<!-- end -->)"
        page, count = re.subn(mark, lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page, flags=re.DOTALL)
        assert count == 1, name
    return page


def main() -> None:
    names = [name for name, kind in FILE_KINDS.items() if kind.what]
    with tempfile.TemporaryDirectory() as folder:
        read = table(READ_HEADS, [read_row(name, Path(folder)) for name in names])
    written = table(WRITTEN_HEADS, written_rows())
    page = page_with({"read": read, "written": written}, PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
