"""Documents that keep tables."""

from __future__ import annotations

import pytest

from common.document import between, markers, write_between_markers

BEGIN, END = markers("benchmark")


def test_a_document_keeps_all_but_what_is_between_the_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_bytes(f"before – \r\n{BEGIN}\nold\n{END} after\n".encode())
    write_between_markers(path, "benchmark", "| new |")
    write_between_markers(path, "benchmark", "| newer |")
    expected = f"before – \r\n{BEGIN}\n\n| newer |\n\n{END} after\n"
    assert path.read_bytes() == expected.encode()
    assert [entry.name for entry in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", 2 * f"{BEGIN}{END}"])
def test_a_document_without_one_place_is_refused(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"README\.md: expected one <!-- benchmark: begin -->"):
        write_between_markers(path, "benchmark", "| new |")
    assert path.read_text() == text
    with pytest.raises(ValueError, match="expected one <!-- benchmark: begin -->"):
        between(text, "benchmark")
