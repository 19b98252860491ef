"""The tables of the documentation are those that its command makes."""

from __future__ import annotations

import re

import pytest

from docs import make_tables
from keras_sep.presets import presets
from tests.support.paths import ROOT


@pytest.mark.whole_size
def test_the_tables_are_those_of_the_files():
    for path, text in make_tables.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run python -m docs.make_tables"


def test_the_card_has_every_preset_with_its_scores():
    card = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: ")
    assert card.count("\n") < 150  # a page
    for name, preset in presets().items():
        assert f"| `{name}` | {preset.description} |" in card
        assert f"\n| {name} | " in make_tables.between(card, "evaluation")


def test_the_endurance_record_is_of_shipped_files():
    """A section of former weights is either measured anew, `python -m export endure`, or removed."""
    record = (ROOT / "docs" / "results" / "endurance.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (\S+)\n\nSHA-256 (\w{12})…", record, re.MULTILINE)
    assert len(sections) == record.count("\n## ") > 0
    shipped = {file.file: file.sha256[:12] for preset in presets().values() for file in preset.files}
    assert {name: digest for name, digest in sections if shipped.get(name) != digest} == {}


def test_scores_of_an_evaluation_take_their_place(tmp_path, monkeypatch):
    card, scores, network = tmp_path / "card.md", tmp_path / "scores.md", tmp_path / "network.md"
    markers = [f"<!-- {name}: begin -->\n<!-- {name}: end -->\n" for name in make_tables.SECTIONS]
    scores.write_text("# Scores\n" + "".join(markers), encoding="utf-8")
    card.write_text(
        "<!-- presets: begin -->\n<!-- presets: end -->\n<!-- evaluation: begin -->\n<!-- evaluation: end -->\n"
    )
    readme, speed = tmp_path / "README.md", tmp_path / "speed.md"
    times = "".join(f"| {name} | network | int8 | 9.0 |\n| {name} | whole | int8 | 20.4 |\n" for name in presets())
    speed.write_text(
        "<!-- separators: begin -->\n\n| separator | measured | precision | ms of a core per s of audio |\n"
        "|---|---|---|---|\n"
        f"{times}| Spleeter | network | int8 | 50.0 |\n\n<!-- separators: end -->"
    )
    readme.write_text("<!-- presets: begin -->\n<!-- presets: end -->\n")
    network.write_text("<!-- sizes: begin -->\n<!-- sizes: end -->\n")
    for name, path in (("CARD", card), ("SCORES", scores), ("NETWORK", network), ("README", readme), ("SPEED", speed)):
        monkeypatch.setattr(make_tables, name, path)
    monkeypatch.setattr(make_tables, "size_table", lambda: "| size |\n|---|")
    rows = ["mixture, unprocessed", *(f"{name} (online)" for name in presets()), "IRM1 oracle"]
    cells = " | ".join(f"{i}.00 ({i}.50)" for i in range(6))
    summary = tmp_path / "summary.md"
    head = "|  | V SDR | V SIR | V SAR | A SDR | A SIR | A SAR |\n|---|---:|---:|---:|---:|---:|---:|\n"
    summary.write_text(
        "# Title\n\n- four songs\n\n## Voice-active frames\n\n"
        + head
        + "\n".join(f"| {row} | {cells} |" for row in rows)
    )

    paper, table = tmp_path / "paper.md", tmp_path / "table_test.md"
    paper.write_text("<!-- test: begin -->\n<!-- test: end -->\n")
    table.write_text("test songs, dB.\n\n| method |\n|---|\n")
    monkeypatch.setattr(make_tables, "PAPER", paper)

    make_tables.main(["--scores", "test", str(summary), "--paper", "test", str(table)])

    assert make_tables.between(paper.read_text(encoding="utf-8"), "test") == table.read_text().strip()

    assert "### Voice-active frames" in make_tables.between(scores.read_text(encoding="utf-8"), "test")
    assert "| base | 0.00 (0.50) | 1.00 (1.50)" in make_tables.between(card.read_text(encoding="utf-8"), "evaluation")
    assert make_tables.between(scores.read_text(encoding="utf-8"), "validation") == ""
    assert " MB | 0.00 / 3.00 | 49 × real time |" in make_tables.between(readme.read_text(encoding="utf-8"), "presets")


def test_scores_without_a_preset_are_refused():
    head = f"|  | {' | '.join(make_tables.COLUMNS)} |\n|---|"
    scores = f"<!-- test: begin -->\n### All\n\n{head}\n<!-- test: end -->"
    with pytest.raises(ValueError, match="Missing: mixture, unprocessed, base"):
        make_tables.evaluation_table(scores)
