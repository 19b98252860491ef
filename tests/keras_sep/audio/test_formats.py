from __future__ import annotations

import pytest

from common.markdown import table
from tests.support.coded import FILE_KINDS
from tests.support.format_tables import PAGE, WRITTEN_HEADS, read_row, written_rows


@pytest.mark.parametrize("name", [name for name, kind in FILE_KINDS.items() if kind.what])
def test_the_page_says_how_each_kind_of_file_is_read(tmp_path, name):
    """`python -m tests.support.format_tables` writes it anew."""
    assert f"| {' | '.join(read_row(name, tmp_path))} |\n" in PAGE.read_text(encoding="utf-8")


def test_the_page_says_what_is_written():
    assert table(WRITTEN_HEADS, written_rows()) in PAGE.read_text(encoding="utf-8")
