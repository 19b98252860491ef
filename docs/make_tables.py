"""Tables of the documentation, between markers in its files: `python -m docs.make_tables`.

The tables of presets, of sizes and of the model card follow from the shipped files, the networks and docs/results. The
scores come from `python -m training evaluate`: `--scores test scores/summary.md` puts them into docs/results/scores.md;
and `--paper test RUNS/table_test.md` those of `python -m training run-paper` into docs/results/paper.md.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from common.document import between, filled
from common.files import write_text
from common.markdown import table

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
CARD, NETWORK = ROOT / "MODEL_CARD.md", ROOT / "docs" / "explain" / "network.md"
SCORES, SPEED = ROOT / "docs" / "results" / "scores.md", ROOT / "docs" / "results" / "speed.md"
PAPER = ROOT / "docs" / "results" / "paper.md"
SECTIONS = ("test", "validation", "robustness")
PAPER_SECTIONS = ("test", "validation", "curves", "gradients")
COLUMNS = ("V SDR", "V SIR", "V SAR", "A SDR", "A SIR", "A SAR")


def preset_table() -> str:
    """Makes the table of presets, with the sizes of their smallest files."""
    from keras_sep.presets import presets

    rows = []
    for name, preset in presets().items():
        smallest = min(file.bytes for file in preset.files)
        files = ", ".join(f"{file.graph} {file.precision}" for file in preset.files)
        cells = [f"`{name}`", preset.description, f"{preset.parameters / 1e6:.2f} M", f"{smallest / 1e6:.1f} MB", files]
        rows.append([*cells, preset.licence])
    return table(["preset", "what it is", "parameters", "smallest file", "files", "licence"], rows)


def size_table() -> str:
    """Makes the table of the networks' numbers of weights, by size."""
    from keras_sep.models import BinMemoryUnet, OrUnet

    kinds = (OrUnet, BinMemoryUnet)
    rows = [[f'`"{size}"`', *(f"{kind(size).count_params():,}" for kind in kinds)] for size in OrUnet.SIZES]
    return table(["size", *(f"`{kind.__name__}`" for kind in kinds)], rows)


def choice_table(scores: str, speed: str) -> str:
    """Makes the README's table of presets: size, SDR of the test songs (median of medians), speed and licence."""
    from keras_sep.presets import list_presets

    by_name, column = scores_by_row(scores)
    times = times_by_file(speed)
    rows = []
    for preset in list_presets():
        sdr = [by_name[preset.name][column[name]].split(" ")[0] for name in ("V SDR", "A SDR")]
        smallest = min(file.bytes for file in preset.files)
        cells = [f"`{preset.name}`", f"{smallest / 1e6:.1f} MB", " / ".join(sdr)]
        fastest = min(time for (name, _), time in times.items() if name == preset.name)
        rows.append([*cells, f"{1000 / fastest:.0f} × real time", preset.licence])
    return table(["preset", "size", "voice / accompaniment, dB", "speed", "licence"], rows)


def times_by_file(speed: str) -> dict[tuple[str, str], float]:
    """Reads the time of each preset and precision from docs/results/speed.md, in ms of a core per second of audio.

    It is that of the file with the Fourier transforms inside, or else of the network alone.
    """
    lines = [line for line in between(speed, "separators").splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    place, precision = head.index("ms of a core per s of audio"), head.index("precision")
    return {
        (row[0], row[precision]): float(row[place]) for scope in ("network", "whole") for row in rows if row[1] == scope
    }


def scores_by_row(scores: str) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Reads the first table of the test songs' scores: cells by row, and the place of each column."""
    lines = [line for line in between(scores, "test").split("\n\n")[1].splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    by_name = {re.sub(r" \(.*", "", row[0]): row for row in rows}
    return by_name, {name: head.index(name) for name in COLUMNS}


def evaluation_table(scores: str) -> str:
    """Makes the model card's table from the first one of the test songs' scores."""
    from keras_sep.presets import presets

    by_name, column = scores_by_row(scores)
    wanted = ("mixture, unprocessed", *presets(), "IRM1 oracle")
    if missing := [name for name in wanted if name not in by_name]:
        raise ValueError(f"{SCORES}: expected rows of {', '.join(wanted)}. Missing: {', '.join(missing)}")
    return table(["", *COLUMNS], [[name, *(by_name[name][column[c]] for c in COLUMNS)] for name in wanted])


def pages(scores: str | None = None) -> dict[Path, str]:
    """Returns every file with tables as it should be, by path.

    Args:
        scores: text of docs/results/scores.md; None for the file's own.
    """
    scores = SCORES.read_text(encoding="utf-8") if scores is None else scores
    card = filled(CARD.read_text(encoding="utf-8"), "presets", preset_table())
    return {
        README: filled(
            README.read_text(encoding="utf-8"), "presets", choice_table(scores, SPEED.read_text(encoding="utf-8"))
        ),
        SCORES: scores,
        CARD: filled(card, "evaluation", evaluation_table(scores)),
        NETWORK: filled(NETWORK.read_text(encoding="utf-8"), "sizes", size_table()),
    }


def main(argv: list[str] | None = None) -> None:
    """Writes the tables."""
    parser = argparse.ArgumentParser(prog="python -m docs.make_tables", allow_abbrev=False)
    parser.add_argument(
        "--scores",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "SUMMARY.md"),
        help=f"scores of `python -m training evaluate`, for one of {', '.join(SECTIONS)}",
    )
    parser.add_argument(
        "--paper",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "TABLE.md"),
        help=f"a table of the paper's methods, for one of {', '.join(PAPER_SECTIONS)}",
    )
    args = parser.parse_args(argv)
    for option, known, given in (("--scores", SECTIONS, args.scores), ("--paper", PAPER_SECTIONS, args.paper)):
        if unknown := [name for name, _ in given if name not in known]:
            parser.error(f"{option}: expected one of {', '.join(known)}. Received: {unknown[0]}")
    scores = SCORES.read_text(encoding="utf-8")
    for name, path in args.scores:
        text = Path(path).read_text(encoding="utf-8")
        scores = filled(scores, name, re.sub(r"^#+ ", "### ", text[text.index("\n## ") :], flags=re.MULTILINE))
    if args.paper:
        paper = PAPER.read_text(encoding="utf-8")
        for name, path in args.paper:
            paper = filled(paper, name, Path(path).read_text(encoding="utf-8"))
        write_text(PAPER, paper)
    for path, text in pages(scores).items():
        write_text(path, text)


if __name__ == "__main__":
    main()
