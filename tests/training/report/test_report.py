"""The report of result folders: one page that needs nothing but itself."""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.support.needs import needs_chromium
from training.report import media, spectrogram, stats, write_report
from training.report.load import load_report

RATE = 16000  # of the excerpts, Hz
TARGETS = ("vocals", "accompaniment")
METRICS = ("SDR", "ISR", "SIR", "SAR")
HARD_NAME = 'R&B <i>"Song"</i> | 1'
METHODS = {  # row: label, kind, online, SDR of vocals and of accompaniment
    "mixture": ("mixture", "mixture", None, -4.0, 4.0),
    "irm1": ("IRM oracle", "oracle", False, 9.0, 13.0),
    "or-unet": ("or-unet (mask, dynamic_int8)", "model", True, 4.2, 8.2),
    "unet": ("U-Net", "model", True, 3.6, 7.6),
}


def result_folder(
    out: Path,
    songs: dict[str, int],
    methods: dict[str, tuple[str, str, bool | None, float, float]] = METHODS,
    conditions: tuple[str, ...] = (),
    audio: dict[str, np.ndarray] | None = None,
    playable: bool = True,
    seed: int = 0,
) -> Path:
    """A result folder as evaluate writes it, of invented scores.

    Args:
        songs: seconds by name.
        conditions: altered songs of the row "or-unet".
        audio: "vocals" and "accompaniment", (samples, 2) at RATE; None for no excerpts.
    """
    random = np.random.default_rng(seed)
    voice = {song: _voice(random, seconds) for song, seconds in songs.items()}
    rows: list[dict] = []
    every = {name: (*method, "") for name, method in methods.items()}
    for number, condition in enumerate(conditions):
        label, kind, online, vocals, accompaniment = methods["or-unet"]
        loss = (number + 1) * 0.3
        every[f"or-unet_{condition}"] = (label, kind, online, vocals - loss, accompaniment - loss, condition)
    for row, (label, kind, online, vocals, accompaniment, condition) in every.items():
        frames: dict[str, dict[str, dict[str, np.ndarray]]] = {}
        for song, seconds in songs.items():
            frames[song] = _frames(random, (vocals, accompaniment), seconds, voice[song])
            stem = _file_name(song)
            _write_museval(out / "v4" / row / "test" / f"{stem}.json", frames[song], 1)
            _write_museval(out / "v3" / row / "test" / f"{stem}.json", frames[song], 15)
            excerpts: dict[str, dict] = {}
            if audio is not None:
                excerpts = _excerpts(out, row, stem, seconds, frames[song]["vocals"]["SDR"], voice[song], audio)
            _write(
                out / "songs" / row / f"{stem}.json",
                {
                    "row": row,
                    "song": song,
                    "key": stem,
                    "seconds": float(seconds),
                    "sample_rate": RATE,
                    "licence": "CC0 1.0" if playable else "non-free",
                    "playable": playable,
                    "si_sdr": {part: dict.fromkeys(TARGETS, 1.5) for part in ("all", "active")},
                    "active": [bool(a) for a in voice[song]],
                    "warnings": [],
                    "excerpts": excerpts,
                },
            )
        rows.append(
            {
                "row": row,
                "label": label,
                "kind": kind,
                "condition": condition,
                "method": row.removesuffix(f"_{condition}"),
                "online": online,
                "about": {"precision": "dynamic_int8", "row": label} if kind == "model" else {},
                "songs": list(songs),
                "failed": [],
                "scores": {
                    "v4": _aggregate(frames, None),
                    "v4_active": _aggregate(frames, voice),
                    "v3": _aggregate(frames, None, shift=0.7),
                },
                "si_sdr": {
                    part: {
                        target: {"median": value - 1.234 + shift, "mean": value - 2.345 + shift}
                        for target, value in zip(TARGETS, (vocals, accompaniment), strict=True)
                    }
                    for part, shift in (("all", 0.0), ("active", 0.5))
                },
            }
        )
    if audio is not None:
        for song in songs:
            for name, wave in {**audio, "mixture": audio["vocals"] + audio["accompaniment"]}.items():
                _write_audio(out / "excerpts" / "reference" / _file_name(song) / f"listen_{name}.flac", wave)
    data = [
        {
            "name": song,
            "seconds": float(seconds),
            "active_seconds": float(voice[song].sum()),
            "sample_rate": RATE,
            "licence": "CC0 1.0" if playable else "non-free",
            "warnings": [],
        }
        for song, seconds in songs.items()
    ]
    summary = {
        "format": 1,
        "tools": {"keras_sep": "0.3", "museval": "0.4.1", "numpy": "2.1.0", "python": "3.11.7"},
        "data": {"date": "2026-11-23", "dataset": "folder", "split": "test", "excerpt": None, "songs": data},
        "rows": rows,
    }
    _write(out / "summary.json", summary)
    return out


def change_summary(folder: Path, change) -> dict:
    """Applies `change` to the summary and writes it back."""
    summary = json.loads((folder / "summary.json").read_text())
    change(summary)
    _write(folder / "summary.json", summary)
    return summary


def _voice(random: np.random.Generator, seconds: int) -> np.ndarray:
    """Sung and silent stretches, (seconds,)."""
    active = np.zeros(seconds, bool)
    start = min(2, seconds - 1)
    while start < seconds:
        stop = start + int(random.integers(8, 40))
        active[start:stop] = True
        start = stop + int(random.integers(4, 25))
    return active


def _frames(random, sdr: tuple[float, float], seconds: int, voice: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Metrics by target, (seconds,) each: slow waves, noise, NaN and low values where nobody sings."""
    t = np.arange(seconds)
    found = {}
    for target, level in zip(TARGETS, sdr, strict=True):
        wave = 1.8 * np.sin(t / 17 + level) + 0.9 * np.sin(t / 5.3 + 2 * level) + random.normal(0, 1.3, seconds)
        value = level + wave
        if target == "vocals":
            value[~voice] = -9 + 2 * wave[~voice]
            value[:2] = np.nan
        found[target] = {metric: value + 2.2 * number for number, metric in enumerate(METRICS)}
    return found


def _aggregate(frames: dict, voice: dict | None, shift: float = 0.0) -> dict[str, dict]:
    scores: dict[str, dict] = {}
    for target in TARGETS:
        chosen = {
            song: {m: v if voice is None else v[voice[song]] for m, v in by_target[target].items()}
            for song, by_target in frames.items()
        }
        scores[target] = {
            metric: {
                "median_of_medians": float(np.median([np.nanmedian(v[metric]) for v in chosen.values()])) + shift,
                "mean_of_means": float(np.mean([np.nanmean(v[metric]) for v in chosen.values()])) + shift,
            }
            for metric in METRICS
        }
        values = np.concatenate([v["SDR"] for v in chosen.values()])
        scores[target]["frames"] = len(values)
        scores[target]["frames_without_value"] = int(np.isnan(values).sum())
        scores[target]["songs_without_value"] = 0
    return scores


def _excerpts(out: Path, row: str, stem: str, seconds: int, sdr: np.ndarray, voice: np.ndarray, audio: dict) -> dict:
    """Writes an excerpt's files of one row: the true stems with some of the other one left in them."""
    folder = out / "excerpts" / row / stem
    leak = {"mixture": 1.0, "irm1": 0.05}.get(row, 0.25)
    estimates = {
        "vocals": audio["vocals"] + leak * audio["accompaniment"],
        "accompaniment": audio["accompaniment"] + leak * audio["vocals"],
    }
    rated = np.where(voice & np.isfinite(sdr), sdr, np.nan)
    found: dict[str, dict] = {"listen": {"start": 2, "seconds": 10}}
    for name, wave in estimates.items():
        _write_audio(folder / f"listen_{name}.flac", wave)
    for which, second in (("best", int(np.nanargmax(rated))), ("worst", int(np.nanargmin(rated)))):
        start = max(0, second - 1)
        found[which] = {"start": start, "seconds": 3, "second": second, "sdr": float(sdr[second])}
        offset = (second * 7919) % max(1, len(audio["vocals"]) - 3 * RATE)
        for name, wave in estimates.items():
            _write_audio(folder / f"{which}_{name}.flac", wave[offset : offset + 3 * RATE])
            _write_audio(folder / f"{which}_reference_{name}.flac", audio[name][offset : offset + 3 * RATE])
    return found


def _write_museval(path: Path, frames: dict[str, dict[str, np.ndarray]], step: int) -> None:
    targets = [
        {
            "name": target,
            "frames": [
                {"time": t, "duration": step, "metrics": {metric: float(v[t]) for metric, v in metrics.items()}}
                for t in range(0, len(metrics["SDR"]), step)
            ],
        }
        for target, metrics in frames.items()
    ]
    _write(path, {"targets": targets, "museval_version": "0.4.1"})


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def _write_audio(path: Path, waveform: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, RATE, subtype="PCM_16")


def _file_name(song: str) -> str:
    return re.sub(r"[^\w ().-]", "_", song)


# The page.


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two songs, four methods, two conditions; no audio."""
    return result_folder(tmp_path / "scores", {"One": 40, HARD_NAME: 25}, conditions=("mono", "mp3_128k"))


def written(folders: list[Path] | Path, out: Path, title: str = "Scores", players: int = 4) -> tuple[str, str]:
    """(page, Markdown)."""
    path = write_report(folders if isinstance(folders, list) else [folders], out, title, players)
    assert path == out / "index.html"
    assert sorted(p.name for p in out.iterdir()) == ["index.html", "table.md"]
    return path.read_text(encoding="utf-8"), (out / "table.md").read_text(encoding="utf-8")


def tables(page: str) -> dict[str, list[list[str]]]:
    """Cells of every table, as text, by caption."""
    found = {}
    for table in re.findall(r"<table.*?</table>", page, re.S):
        caption = re.search(r"<caption[^>]*>(.*?)</caption>", table, re.S).group(1)
        rows = re.findall(r"<tr.*?</tr>", table, re.S)
        found[html.unescape(caption)] = [
            [text(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)] for row in rows
        ]
    return found


def text(fragment: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", fragment).split()))


def section(page: str, name: str) -> str:
    match = re.search(rf'<section id="{name}".*?\n</section>', page, re.S)
    return match.group(0) if match else ""


def digits(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


VIEWS = {"v4": "all frames of 1 s", "v4_active": "frames of 1 s with voice", "v3": "windows of 30 s every 15 s"}


@pytest.mark.parametrize("view", VIEWS)
def test_numbers_are_those_of_the_summary(folder, tmp_path, view):
    page, markdown = written(folder, tmp_path / "report")
    summary = json.loads((folder / "summary.json").read_text())
    every = tables(section(page, "scores")).items()
    [cells] = [rows for name, rows in every if name.startswith("BSS") and VIEWS[view] in name]
    lines = {row[0]: row[1:] for row in cells}
    [part] = [part for part in markdown.split("## ") if part.startswith("BSS") and VIEWS[view] in part.splitlines()[0]]
    for row in summary["rows"]:
        if row["condition"]:
            continue
        online = {True: " online", False: " whole song at once", None: ""}[row["online"]]
        expected, pairs = [], []
        for target in TARGETS:
            scores = row["scores"][view][target]
            values = [(scores[m]["median_of_medians"], scores[m]["mean_of_means"]) for m in METRICS]
            if view != "v3":
                si = row["si_sdr"]["active" if view == "v4_active" else "all"][target]
                values.append((si["median"], si["mean"]))
            expected += [f"{digits(median)} {digits(mean)}" for median, mean in values]
            pairs += [f"{digits(median)} ({digits(mean)})" for median, mean in values]
        assert lines[row["label"] + online][:-1] == expected
        assert " | ".join(pairs) in part
        for target in TARGETS:
            scores = row["scores"][view][target]
            assert f"{scores['frames_without_value']} of {scores['frames']}" in lines[row["label"] + online][-1]


def test_every_song_has_its_median_and_the_mean_is_of_songs_that_all_have(folder, tmp_path):
    (folder / "v4" / "unet" / "test" / "One.json").unlink()
    page, markdown = written(folder, tmp_path / "report")
    [rows] = [rows for name, rows in tables(section(page, "scores")).items() if name.startswith("Median SDR")]
    lines = {row[0]: row[1:] for row in rows}
    medians = {}
    for place, row in enumerate(METHODS):
        for song in json.loads((folder / "summary.json").read_text())["rows"][0]["songs"]:
            path = folder / "v4" / row / "test" / f"{_file_name(song)}.json"
            if not path.exists():
                assert lines[song][place] == "– –"
                continue
            active = json.loads((folder / "songs" / row / path.name).read_text())["active"]
            medians[song, place] = pair = []
            for target in json.loads(path.read_text())["targets"]:
                sdr = np.array([frame["metrics"]["SDR"] for frame in target["frames"]])[np.array(active)]
                pair.append(float(np.nanmedian(sdr)))
            assert lines[song][place] == " ".join(map(digits, pair))
            assert " / ".join(map(digits, pair)) in markdown
    others = {song for song, _ in medians} - {"One"}
    for place in range(len(METHODS)):
        mean = np.mean([medians[song, place] for song in others], axis=0)
        name = f"mean of {len(others)} song" + ("s" if len(others) > 1 else "")
        assert lines[name][place] == " ".join(map(digits, mean))


def test_references_stand_apart_and_the_best_model_is_bold(folder, tmp_path):
    scores = section(written(folder, tmp_path / "report")[0], "scores")
    first = next(iter(tables(scores).values()))
    names = [row[0] for row in first[2:]]
    assert names == [
        "References",
        "mixture",
        "IRM oracle whole song at once",
        "Models",
        "or-unet (mask, dynamic_int8) online",
        "U-Net online",
    ]
    rows = json.loads((folder / "summary.json").read_text())["rows"]
    models = [row for row in rows if row["kind"] == "model" and not row["condition"]]
    expected = [
        max(row["scores"][view][target][metric]["median_of_medians"] for row in models)
        for view, target, metric in itertools.product(VIEWS, TARGETS, METRICS)
    ]
    parts = itertools.product(("all", "active"), TARGETS)
    expected += [max(row["si_sdr"][part][target]["median"] for row in models) for part, target in parts]
    bold = re.findall(r"<td[^>]*><b>(.*?)</b>", scores)
    assert sorted(bold) == sorted(map(digits, expected))


@pytest.mark.parametrize("view", ["v4", "v3"])
def test_no_model_is_the_best_where_frames_are_muted(folder, tmp_path, view):
    def change(summary):
        summary["rows"][2]["scores"][view]["vocals"]["frames_muted"] = 1

    change_summary(folder, change)
    shown = section(written(folder, tmp_path / "report")[0], "scores")
    assert (bool(re.search("<td[^>]*><b>", shown))) == (view != "v4")  # what v3 skips is not counted


def test_conditions_are_compared_with_the_clean_songs(folder, tmp_path):
    page, markdown = written(folder, tmp_path / "report")
    rows = {row["row"]: row for row in json.loads((folder / "summary.json").read_text())["rows"]}
    lines = {row[0]: row[1:] for row in next(iter(tables(section(page, "robustness")).values()))}
    for name, shown in (("mono", "mono"), ("mp3_128k", "mixture through MP3 at 128 kbit/s")):
        for column, target in enumerate(TARGETS):
            clean, altered = (
                rows[row]["scores"]["v4"][target]["SDR"]["median_of_medians"] for row in ("or-unet", f"or-unet_{name}")
            )
            assert lines[shown][column] == f"{altered - clean:+.2f}".replace("-", "−")
    assert "or-unet (mask, dynamic_int8)" in lines
    assert "## Robustness" in markdown
    assert "kbit" not in "".join(map(str, tables(section(page, "scores"))))


def test_altered_songs_have_no_best_model_and_no_change_against_other_weights_or_songs(folder, tmp_path):
    def change(summary):
        rows = {row["row"]: row for row in summary["rows"]}
        rows["or-unet_mono"]["about"]["sha256"] = "other"
        for target in rows["or-unet_mp3_128k"]["scores"]["v4_active"].values():
            target["songs"] = ["One"]

    change_summary(folder, change)
    shown = section(written(folder, tmp_path / "report")[0], "robustness")
    assert not re.search("<td[^>]*><b>", shown)
    every = tables(shown)
    [v4] = [rows for name, rows in every.items() if "all frames" in name]
    lines = {row[0]: row[1:] for row in v4}
    assert "Other rows" in lines
    assert lines["or-unet (mask, dynamic_int8), mono"][:2] == ["", ""]
    assert all(lines["mixture through MP3 at 128 kbit/s"][:2])
    [active] = [rows for name, rows in every.items() if "with voice" in name]
    assert "Δ SDR" not in active[0]


def test_head_says_what_was_scored(folder, tmp_path):
    head = text(re.search(r"<header>.*</header>", written(folder, tmp_path / "report")[0], re.S).group(0))
    for fact in (
        "4 methods",
        "2 altered conditions",
        "2 songs, 1:05 min",
        "folder, split test",
        "museval 0.4.1",
        "2026-11-23",
    ):
        assert fact in head


def test_head_says_which_part_was_scored(folder, tmp_path):
    change_summary(folder, lambda summary: summary["data"].update(excerpt=30))
    page, markdown = written(folder, tmp_path / "report")
    assert "the 30 s of each song with the most voice" in page
    assert "the 30 s of each song with the most voice" in markdown
    assert "Times count from the start of the part that was scored" in section(page, "songs")


def test_failures_and_warnings_are_shown(folder, tmp_path):
    def change(summary):
        summary["data"]["songs"][0]["warnings"].append("stems <do not> add up")
        summary["rows"][2]["failed"].append({"song": HARD_NAME, "error": "out of memory"})
        summary["rows"][2]["songs"].remove(HARD_NAME)
        summary["rows"][3]["scores"]["v4"]["vocals"]["songs_without_value"] = 1

    change_summary(folder, change)
    song = folder / "songs" / "unet" / "One.json"
    _write(song, {**json.loads(song.read_text()), "warnings": ["clipped", "stems <do not> add up"]})
    page, markdown = written(folder, tmp_path / "report")
    shown = text(section(page, "scores"))
    assert f"or-unet (mask, dynamic_int8) on {HARD_NAME} : out of memory" in shown
    assert "One : stems <do not> add up" in shown
    assert "One : clipped (U-Net)" in shown
    assert "add up (U-Net)" not in shown
    assert shown.count("1 song without any") == 1
    assert "or-unet (mask, dynamic_int8): 1 of 2" in shown
    assert "No song failed" not in shown
    assert "out of memory" in markdown
    # A model that separated fewer songs is not the best of them.
    assert "<b>4" not in section(page, "scores")
    assert "No song failed" in written(result_folder(tmp_path / "fine", {"One": 20}), tmp_path / "second")[0]


def test_published_figures_keep_their_digits_and_marks(folder, tmp_path):
    page, markdown = written(folder, tmp_path / "report")
    shown = section(page, "published")
    paper, others = tables(shown).values()
    assert paper[2:] == [
        ["LSTM", "2.83", "6.89", "6.02", "9.48", "12.39", "12.99"],
        ["U-Net", "3.21", "8.34", "5.86", "9.81", "13.42", "12.98"],
        ["OR-U-Net", "3.14", "7.41", "6.20", "9.87", "13.25", "12.99"],
        ["OR-U-Net_df", "3.70", "9.52", "5.80", "9.65", "11.84", "14.16"],
    ]
    assert ["IRM1 oracle", "8.52", "14.50", "–", "MUSDB18", "–"] in others
    assert ["BS-RoFormer L12 quoted by others", "12.72", "–", "–", "MUSDB18-HQ", "no"] in others
    assert ["mixture, unprocessed", "1.12 mean −0.68", "6.32 mean 6.35", "–", "MUSDB18", "–"] in others
    assert ["HS-TasNet 2024 quoted by others", "–", "–", "4.65", "MUSDB18", "23 ms"] in others
    for place in (text(shown), markdown):
        assert re.search("published, not measured here, other songs", place, re.I)


def test_names_are_escaped(folder, tmp_path):
    label = "<script>alert(1)</script> | `x` & \"y\" 'z'"
    change_summary(folder, lambda summary: summary["rows"][2].update(label=label, about={"file": label}))
    page, markdown = written(folder, tmp_path / "report", title="<b>Title</b> & $more ${title}")
    assert label not in page
    assert page.count("<script>") == 1
    assert "<i>&quot;Song" not in page
    assert "R&amp;B &lt;i&gt;&quot;Song&quot;&lt;/i&gt; | 1" in page
    assert "<title>&lt;b&gt;Title&lt;/b&gt; &amp; $more ${title}</title>" in page
    assert "<script>" not in markdown
    # A bar in a name must not become a column.
    widths = {line.replace("\\|", "").count("|") for line in markdown.split("## ")[1].splitlines() if line[:1] == "|"}
    assert len(widths) == 1


def test_views_without_altered_songs_are_not_compared(folder, tmp_path):
    def change(summary):
        for row in summary["rows"]:
            if row["condition"]:
                del row["scores"]["v3"]

    change_summary(folder, change)
    page, markdown = written(folder, tmp_path / "report")
    assert len(tables(section(page, "robustness"))) == 2
    assert len(re.findall("^## Robustness", markdown, re.M)) == 2


def test_what_is_missing_is_left_out(folder, tmp_path):
    def change(summary):
        for row in summary["rows"]:
            del row["scores"]["v3"]
            row["scores"]["v4"]["vocals"]["SDR"] = {"median_of_medians": None, "mean_of_means": None}
            row["si_sdr"] = {}

    change_summary(folder, change)
    for part in ("v4", "v3", "songs"):
        shutil.rmtree(folder / part)
    page, markdown = written(folder, tmp_path / "report")
    for name in ("spread", "songs", "seconds", "listen"):
        assert not section(page, name)
        assert f'href="#{name}"' not in page
    assert len(tables(section(page, "scores"))) == 2
    assert next(iter(tables(section(page, "scores")).values()))[3][1] == "– –"
    assert "nan" not in page.lower()
    assert "None" not in page + markdown


def test_one_missing_file_leaves_the_others(folder, tmp_path):
    (folder / "v4" / "unet" / "test" / "One.json").unlink()
    (folder / "songs" / "irm1" / "One.json").unlink()
    curves = section(written(folder, tmp_path / "report")[0], "songs")
    assert curves.count('class="curves"') == 4
    assert curves.count("c-r0-3 ") + curves.count('c-r0-3"') == 2


def test_box_plots_are_of_the_active_frames(folder, tmp_path):
    page = written(folder, tmp_path / "report")[0]
    values = []
    for file in (folder / "v4" / "unet" / "test").iterdir():
        score = json.loads((folder / "songs" / "unet" / file.name).read_text())
        frames = json.loads(file.read_text())["targets"][0]["frames"]
        values += [f["metrics"]["SDR"] for f, a in zip(frames, score["active"], strict=True) if a]
    values = [value for value in values if np.isfinite(value)]
    label = re.search(r'aria-label="(U-Net, Vocals SDR: [^"]*)"', page).group(1)
    assert f"median {np.median(values):.1f} dB" in label.replace("−", "-")
    assert f"{len(values)} frames" in label
    place = r'="left:([\d.]+)%;right:calc\(100% - ([\d.]+)%\)'
    one = rf'class="whisker" style{place}.*?class="box" style{place}.*?class="median" style="left:([\d.]+)%'
    drawn = re.findall(one, page)
    assert len(drawn) == 2 * len(METHODS)
    for low, high, quarter, three_quarters, median in (map(float, numbers) for numbers in drawn):
        assert low < quarter < median < three_quarters < high


def test_curves_rise_with_the_score_and_are_shaded_where_someone_sings(folder, tmp_path):
    curves = re.search(r'<figure class="curves".*?</figure>', written(folder, tmp_path / "report")[0], re.S).group(0)
    labels = re.findall(r'<span style="top:([\d.-]+)%">(.*?)</span>', curves)
    tops = [float(top) for top, value in sorted(labels, key=lambda label: float(label[1].replace("−", "-")))]
    assert len(tops) > 1
    assert tops == sorted(tops, reverse=True)
    active = json.loads((folder / "songs" / "unet" / "One.json").read_text())["active"]
    expected = [(25.0 * start, 25.0 * (stop - start)) for start, stop in stats.stretches(tuple(active))]
    shades = re.findall(r'<rect class="voice" x="([\d.]+)" width="([\d.]+)"', curves)
    assert [tuple(map(float, shade)) for shade in shades] == expected


def test_many_songs_are_folded(tmp_path):
    folder = result_folder(tmp_path / "scores", {f"Song {number}": 15 for number in range(6)})
    page = written(folder, tmp_path / "report")[0]
    assert section(page, "songs").count("<details") == 6
    assert section(page, "songs").count("<details open") == 1


# Several folders.


def test_folders_are_merged(tmp_path):
    first = result_folder(tmp_path / "first", {"One": 20, "Two": 15})
    only = {"unet": METHODS["unet"], "tiny": ("Tiny", "model", True, 2.0, 6.0)}
    second = result_folder(tmp_path / "second", {"One": 20, "Two": 15}, only, seed=1)
    page, markdown = written([first, second], tmp_path / "report")
    names = [row[0] for row in next(iter(tables(section(page, "scores")).values()))[2:]]
    assert names.count("U-Net · first online") == names.count("U-Net · second online") == 1
    assert "Tiny online" in names
    assert "hold different songs" not in page + markdown


def test_different_songs_are_said_so(tmp_path):
    first = result_folder(tmp_path / "first", {"One": 20, "Two": 15})
    second = result_folder(tmp_path / "second", {"One": 20}, seed=1)
    page, markdown = written([first, second], tmp_path / "report")
    notice = "The folders hold different songs, so rows of different folders must not be compared."
    assert notice in page.split("<table")[0]
    assert notice in markdown.split("|")[0]
    assert "first: 2 songs; second: 1 song; 1 in all of them" in page


@pytest.mark.parametrize("other", [{"sha256": ["1", "2"]}, {"sample_rate": 22050}, {}])
def test_another_recording_or_part_is_said_so(tmp_path, other):
    folders = [result_folder(tmp_path / name, {"One": 20}) for name in ("first", "second")]
    notice = "not the same recordings or parts of them, so rows of different folders must not be compared."
    page, markdown = written(folders, tmp_path / "same")
    assert notice not in page + markdown
    assert re.search("<td[^>]*><b>", section(page, "scores"))

    def change(summary):
        summary["data"]["songs"][0].update(other)
        if not other:
            summary["data"]["excerpt"] = 10

    change_summary(folders[1], change)
    page, markdown = written(folders, tmp_path / "report")
    assert notice in page.split("<table")[0]
    assert notice in markdown.split("|")[0]
    assert not re.search("<td[^>]*><b>", section(page, "scores"))


def test_folders_of_one_name_are_told_apart(tmp_path):
    folders = [result_folder(tmp_path / parent / "out", {"One": 12}) for parent in "ab"]
    page = written(folders, tmp_path / "report")[0]
    assert all(f"U-Net · {folder}" in page for folder in folders)


# Bad input.


def _no_summary(folder):
    (folder / "summary.json").unlink()


def _broken(folder):
    (folder / "summary.json").write_text("{")


def _wrong_format(folder):
    change_summary(folder, lambda summary: summary.update(format=2))


def _no_rows(folder):
    change_summary(folder, lambda summary: summary.pop("rows"))


def _no_kind(folder):
    change_summary(folder, lambda summary: summary["rows"][0].pop("kind"))


def _list(folder):
    (folder / "summary.json").write_text("[]")


def _text_for_number(folder):
    change_summary(folder, lambda s: s["rows"][0]["scores"]["v4"]["vocals"]["SDR"].update(median_of_medians="3"))


def _broken_song(folder):
    (folder / "songs" / "unet" / "One.json").write_text('{"song": ')


def _broken_frames(folder):
    (folder / "v4" / "unet" / "test" / "One.json").write_text('{"targets": [{"name": "vocals"}]}')


@pytest.mark.parametrize(
    ("spoil", "file", "words"),
    [
        (shutil.rmtree, "", "there is no such folder"),
        (_no_summary, "", "it holds no summary.json"),
        (_broken, "summary.json", "expected JSON"),
        (_list, "summary.json", "without an object"),
        (_wrong_format, "summary.json", "expected format 1. Received: 2"),
        (_no_rows, "summary.json", "no 'rows'"),
        (_no_kind, "summary.json", "no 'kind'"),
        (_text_for_number, "summary.json", "a number is '3'"),
        (_broken_song, "songs/unet/One.json", "expected JSON"),
        (_broken_frames, "v4/unet/test/One.json", "museval's schema"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(folder, tmp_path, spoil, file, words):
    spoil(folder)
    with pytest.raises(ValueError, match="expected") as error:
        write_report([folder], tmp_path / "report", "Scores", 4)
    assert str(error.value).startswith(str(folder / file) + ": ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "report").exists()


def test_a_report_survives_a_failed_one(folder, tmp_path):
    before = written(folder, tmp_path / "report")
    _broken(folder)
    with pytest.raises(ValueError, match="expected JSON"):
        write_report([folder], tmp_path / "report", "Scores", 4)
    assert tuple((tmp_path / "report" / name).read_text() for name in ("index.html", "table.md")) == before


def test_bad_options(folder, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="--players"):
        write_report([folder], tmp_path / "report", "Scores", -1)
    with pytest.raises(ValueError, match="expected a folder"):
        write_report([folder], tmp_path / "file", "Scores", 4)
    with pytest.raises(ValueError, match="existing folder"):
        write_report([folder], tmp_path / "no" / "report", "Scores", 4)
    with pytest.raises(ValueError, match="at least one"):
        write_report([], tmp_path / "report", "Scores", 4)
    assert write_report([folder], tmp_path / "my.html", "Scores", 0) == tmp_path / "my.html"
    assert (tmp_path / "my.md").is_file()


# Sound and pictures.


@pytest.fixture(scope="module")
def audible(music, tmp_path_factory) -> Path:
    """Two songs with excerpts of 4 s, of which the second has more voice."""
    accompaniment = np.random.default_rng(3).normal(0, 0.05, (4 * RATE, 2))
    audio = {"vocals": 0.5 * music(4.0, RATE), "accompaniment": accompaniment}
    songs = {HARD_NAME: 14, "Long": 60}
    return result_folder(tmp_path_factory.mktemp("audible") / "out", songs, conditions=("mono",), audio=audio)


@pytest.fixture(scope="module")
def audible_page(audible, tmp_path_factory) -> Path:
    return write_report([audible], tmp_path_factory.mktemp("page") / "report", "Sound", 4)


def test_players(audible, audible_page, tmp_path):
    shown = section(audible_page.read_text(), "listen")
    # The mixture, the true stems and two stems of each method but the unprocessed mixture.
    assert shown.count("<audio") == 2 * (1 + 2 + 2 * 3)
    assert shown.count("10 seconds from 0:02. Licence: CC0 1.0") == 2
    [one] = re.findall(r"<h3>(.*?)</h3>", section(written(audible, tmp_path / "one", players=1)[0], "listen"))
    assert one == "Long"
    assert "<audio" not in written(audible, tmp_path / "none", players=0)[0]


def test_licences_that_forbid_it_leave_the_players_out(music, tmp_path):
    audio = {"vocals": music(4.0, RATE), "accompaniment": music(4.0, RATE)[::-1]}
    folder = result_folder(tmp_path / "out", {"One": 20}, audio=audio, playable=False)
    page = written(folder, tmp_path / "report")[0]
    assert "<audio" not in page
    assert "1 song: the licence is not known to allow passing on excerpts" in text(section(page, "listen"))
    # A picture of a second is not the song.
    assert "data:image/png" in page
    assert tables(page)["Songs"][1][-1] == "no"
    free = result_folder(tmp_path / "free", {"One": 20}, audio=audio)
    assert "<audio" not in written([free, folder], tmp_path / "both")[0]
    page = written(free, tmp_path / "allowed")[0]
    assert "<audio" in page
    assert tables(page)["Songs"][1][-1] == "yes"


def test_what_is_heard_is_what_the_player_says(audible, monkeypatch):
    monkeypatch.setattr(media, "mp3", lambda path: str(path.relative_to(audible / "excerpts")).encode())
    shown = media.players(load_report([audible], ""), 1)
    sources = re.findall(r'aria-label="Long: ([^"]*)" src="data:audio/mpeg;base64,(.*?)"', shown)
    heard = {name: base64.b64decode(source).decode() for name, source in sources}
    assert heard == {
        "mixture": "reference/Long/listen_mixture.flac",
        "True stems, voice": "reference/Long/listen_vocals.flac",
        "True stems, accompaniment": "reference/Long/listen_accompaniment.flac",
    } | {
        f"{METHODS[row][0]}, {what}": f"{row}/Long/listen_{target}.flac"
        for row in ("irm1", "or-unet", "unet")
        for what, target in (("voice", "vocals"), ("accompaniment", "accompaniment"))
    }


def test_what_is_seen_is_what_the_picture_says(audible, monkeypatch):
    seen, level = [], spectrogram.level
    monkeypatch.setattr(spectrogram, "level", lambda wave, rate: seen.append(wave) or level(wave, rate))
    names = re.findall(r'alt="Spectrogram of the ([\w ]*),', media.spectrograms(load_report([audible], "")))
    assert names == ["mixture", "true voice", "estimated voice"] * 6
    for number in range(0, 18, 3):
        mixture, true, estimated = seen[number : number + 3]
        leak = 0.05 if number < 6 else 0.25  # the oracle comes first
        assert np.abs(mixture - true).max() > 0.1
        np.testing.assert_allclose(estimated - true, leak * (mixture - true), atol=1e-3)


def test_best_and_worst_seconds(audible, audible_page):
    cards = re.findall(r"<article.*?</article>", audible_page.read_text(), re.S)
    [card] = [card for card in cards if "U-Net</h3>" in card]
    scores = [json.loads(path.read_text()) for path in (audible / "songs" / "unet").iterdir()]
    for which, choose in (("best", max), ("worst", min)):
        score = choose(scores, key=lambda score: score["excerpts"][which]["sdr"])
        excerpt = score["excerpts"][which]
        sdr = f"{excerpt['sdr']:.1f}".replace("-", "−")
        time = f"{excerpt['second'] // 60}:{excerpt['second'] % 60:02d}"
        assert f"{which.capitalize()} second {sdr} dB {score['song']}, {time}" in text(card)
    assert card.count("<img") == card.count('class="second" style="left:33.3%;width:33.3%"') == 6
    assert len(cards) == 3


def test_missing_excerpts_are_left_out(audible, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(audible, folder)
    shutil.rmtree(folder / "excerpts" / "reference")
    for file in folder.glob("excerpts/unet/*/*_vocals.flac"):
        file.unlink()
    shown = written(folder, tmp_path / "report")[0]
    assert section(shown, "listen").count("<audio") == 2 * (2 * 3 + 1)  # the mixture's row in place of the mixture
    assert len(re.findall(r"<article", shown)) == 2


def test_broken_audio_is_one_line(audible, tmp_path):
    folder = tmp_path / "out"
    shutil.copytree(audible, folder)
    file = next(folder.glob("excerpts/unet/*/listen_vocals.flac"))
    file.write_bytes(b"fLaC")
    with pytest.raises(ValueError, match="expected an audio file") as error:
        write_report([folder], tmp_path / "report", "Scores", 4)
    assert str(file) in str(error.value)


def test_spectrogram_shows_a_tone_at_its_height():
    t = np.arange(44100) / 44100
    image = spectrogram.level(np.sin(2 * np.pi * 2000 * t)[:, None], 44100)
    assert image.shape == (spectrogram.HEIGHT, spectrogram.WIDTH)
    row = int(image[:, spectrogram.WIDTH // 2].argmax())
    assert row == pytest.approx((1 - spectrogram.height_of(2000, 44100)) * spectrogram.HEIGHT, abs=1.5)


def test_smoothing_and_boxes():
    nan = float("nan")
    assert stats.smooth(np.array([1.0, 2, 90, 4, nan, nan, nan]), 3).tolist()[:4] == [1.5, 2, 4, 47]
    assert np.isnan(stats.smooth(np.array([1.0, 2, 90, 4, nan, nan, nan]), 3)[5:]).all()
    summary = stats.box(np.array([nan, *range(101)]))
    assert (summary.low, summary.quarter, summary.median, summary.mean, summary.frames) == (5, 25, 50, 50, 101)
    assert stats.box(np.array([nan])) is None
    assert stats.stretches((True, False, True, True)) == [(0, 1), (2, 4)]


# In a browser.


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright, which drives the browser")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@needs_chromium
@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "light")])
def test_page_in_a_browser(browser, audible_page, width, scheme):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    outside, complaints = [], []

    def guard(route):
        if route.request.url.startswith(("file:", "data:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    page.route("**/*", guard)
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(audible_page.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    images = page.evaluate(
        "Promise.all([...document.images].map((i) => i.decode().then(() => i.naturalWidth, () => 0)))"
    )
    assert len(images) == 18
    assert set(images) == {spectrogram.WIDTH}
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.evaluate("[...document.images].every((i) => i.alt) && [...document.querySelectorAll('audio')]"
                         ".every((a) => a.ariaLabel)")  # fmt: skip
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 26)"
    assert dark == (scheme == "dark")
    curve = page.locator("path.c-r0-3").first
    assert curve.is_visible()
    page.locator("#show-r0-3").uncheck()
    assert not curve.is_visible()
    durations = page.evaluate(
        """async () => {
          const durations = [];
          for (const a of document.querySelectorAll("audio")) {
            await new Promise((done) => { a.onloadedmetadata = a.onerror = done; a.preload = "auto"; a.load(); });
            durations.push(a.duration || 0);
          }
          return durations;
        }"""
    )
    assert len(durations) == 18
    assert all(duration == pytest.approx(4, abs=0.2) for duration in durations)
    assert outside == []
    assert complaints == []
    page.close()
