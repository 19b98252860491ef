"""What is scored, what is kept of it, and what a second call adds; by museval, mostly in this process."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import museval
import numpy as np
import pytest
import soundfile

from common.exposure import TrainingExposure
from common.files import sha256_of
from common.runs import load_best
from export.conversion.convert import convert, load_run
from keras_sep.models import build_network
from keras_sep.presets import DEFAULT_PRESET
from keras_sep.separation import Separation
from keras_sep.signal import stft
from keras_sep.spec import StreamSpec
from tests.support.paths import EXAMPLE, ROOT
from tests.support.runs import manifest_row, write_run
from training.__main__ import main
from training.data.stems import Song, Stem
from training.evaluation.listening_excerpts import playable, write_audio
from training.evaluation.methods import REFERENCES, Method, of_estimates, of_run, separate_whole
from training.evaluation.metrics import bss_eval
from training.evaluation.results import ResultFolder
from training.evaluation.scored_mixture import SOURCES, ScoredMixture
from training.evaluation.scoring import evaluate, score_pair
from training.evaluation.scoring_processes import processes
from training.evaluation.songs import exposure_of_file
from training.evaluation.summary import summarise
from training.report import write_summary

RATE = 8000
score = functools.partial(evaluate, sample_rate=RATE, jobs=0)


def song(name: str, seconds: float = 4, channels: int = 1, licence: str = "CC0", seed: int = 0) -> Song:
    """A voice that pauses in its second second, and noise."""
    rng = np.random.default_rng([seed, *name.encode()])
    x = 3000 * rng.standard_normal((2, round(seconds * RATE), channels))
    x[0, RATE : 2 * RATE] *= 1e-3
    stems = [
        Stem(f"{name}/{source}.wav", source, audio.astype(np.int16), licence, f"{source}-{name}-{seed}", song=name)
        for source, audio in zip(SOURCES, x, strict=True)
    ]
    return Song(name, *stems)


def half(scored: ScoredMixture) -> dict[str, np.ndarray]:
    """Suppresses the other stem by 6 dB."""
    v, a = (scored.references[source] for source in SOURCES)
    return {"vocals": v + a / 2, "accompaniment": a + v / 2}


HALF = Method("half", "half", "model", half, {"sha256": "1"}, online=True)
MIXTURE = REFERENCES["mixture"]


@pytest.fixture(scope="module")
def scored(tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("scores")
    songs = [song("one"), song("two", 3.5, channels=2), song("<three> & 'more'", 5)]
    songs[1].accompaniment.licence = "Restricted"
    return out, score(songs, [MIXTURE, HALF], out, save_estimates=True)


def test_musevals_tools_read_what_is_written_and_find_the_same_numbers(scored):
    out, summary = scored
    rows = {row["row"]: row for row in summary["rows"]}
    for aggregate, key in (("median", "median_of_medians"), ("mean", "mean_of_means")):
        for protocol in ("v4", "v3"):
            store = museval.MethodStore(frames_agg=aggregate, tracks_agg=aggregate)
            for row in rows:
                store.add_eval_dir(out / protocol / row)
            theirs = store.agg_frames_tracks_scores()
            assert set(theirs.index.get_level_values("method")) == {"mixture", "half"}
            for (row, source, metric), value in theirs.items():
                assert rows[row]["scores"][protocol][source][metric][key] == pytest.approx(value, abs=1e-5)


def test_what_half_suppresses_by_6_db(scored):
    _, summary = scored
    rows = {row["row"]: row for row in summary["rows"]}
    for view in ("v4_active", "v3"):
        for source in SOURCES:
            mixture, ours = (
                rows[row]["scores"][view][source]["SDR"]["median_of_medians"] for row in ("mixture", "half")
            )
            assert ours - mixture == pytest.approx(6.02, abs=0.05)
    # Signals of equal power, and the voice silent in a part of the song.
    assert rows["half"]["si_sdr"]["active"]["vocals"]["median"] == pytest.approx(6.02, abs=0.1)
    assert rows["half"]["si_sdr"]["all"]["vocals"]["median"] < 5.5


def test_two_at_once_do_not_mix_their_stems(tmp_path):
    with ResultFolder(tmp_path).work_folder() as work:
        (work / "one.0.npy").write_bytes(b"another's")
        with pytest.raises(ValueError, match="one that another evaluate is writing to"):
            score([song("one")], [HALF], tmp_path)
        assert (work / "one.0.npy").read_bytes() == b"another's"
    assert not list(tmp_path.rglob("*"))
    assert not score([song("one")], [HALF], tmp_path)["rows"][0]["failed"]


def test_who_is_refused_because_of_another_deletes_nothing(one_copy):
    write_summary(one_copy)
    before = {path: path.read_bytes() for path in one_copy.rglob("*") if path.is_file()}
    retrained = dataclasses.replace(HALF, about={"sha256": "2"})
    with ResultFolder(one_copy).work_folder(), pytest.raises(ValueError, match="another evaluate is writing to"):
        score([song("one")], [retrained], one_copy, protocols=["v4"], overwrite=True)
    assert {path: path.read_bytes() for path in one_copy.rglob("*") if path.is_file()} == before


def test_frames_and_voice_activity(scored):
    out, summary = scored
    scores = summary["rows"][1]["scores"]
    assert scores["v4"]["vocals"]["frames"] == 4 + 3 + 5
    assert scores["v4_active"]["vocals"]["frames"] == 12 - 3
    assert scores["v4"]["vocals"]["frames_without_value"] == 0
    assert ResultFolder(out).song("half", "one")["active"] == [True, False, True, True]
    assert summary["data"]["songs"][0]["active_seconds"] == 3
    # The pause is 60 dB down: nearly silent, not silent.
    frames = ResultFolder(out).frames("v4", "half", "one")
    assert frames["vocals"]["SDR"][1] < -40 < 5 < frames["vocals"]["SDR"][0]


def test_summary_of_scores_known_by_construction(tmp_path):
    nan, results = float("nan"), ResultFolder(tmp_path)
    every = {
        "one": ([1, 50, 2, 6], [True, False, True, True], [False] * 4, 1),
        "two": ([8, nan, nan, 8], [True, False, True, True], [False, True, True, False], 2),
        "three": ([nan, 5], [True, False], [False, False], 6),
    }
    results.write(tmp_path / "data.json", {"tools": {}, "songs": [{"name": name} for name in every]})
    about = {"label": "", "condition": "", "method": "", "online": None, "about": {}, "failed": []}
    rows = (("b", "model", 0), ("a", "model", 2), ("c", "mixture", 3))
    for row, kind, order in rows:
        results.write(results.row_file(row), {**about, "row": row, "kind": kind, "order": order})
        for name, (sdr, active, muted, level) in every.items():
            values = np.stack([sdr, np.array(sdr) + 100])
            results.write_frames("v4", row, name, dict.fromkeys(("SDR", "ISR", "SIR", "SAR"), values))
            si_sdr = {"all": {"vocals": level, "accompaniment": 10 * level}, "active": dict.fromkeys(SOURCES, -level)}
            details = {"song": name, "key": "", "seconds": 4, "active": active, "muted": muted, "si_sdr": si_sdr}
            results.write(results.song_file(row, name), details)
    rows = summarise(results)["rows"]
    assert [row["row"] for row in rows] == ["c", "b", "a"]  # models as they came
    scores = rows[0]["scores"]
    assert scores["v4_active"]["vocals"]["SDR"] == {"median_of_medians": 5, "mean_of_means": 5.5}
    assert scores["v4_active"]["accompaniment"]["SDR"] == {"median_of_medians": 105, "mean_of_means": 105.5}
    assert scores["v4"]["vocals"]["SDR"] == {"median_of_medians": 5, "mean_of_means": 9.25}
    counts = ("frames", "frames_without_value", "frames_muted", "songs_without_value")
    assert [scores["v4"]["vocals"][count] for count in counts] == [10, 3, 2, 0]
    assert [scores["v4_active"]["vocals"][count] for count in counts] == [7, 2, 1, 1]
    assert rows[0]["si_sdr"] == {
        "all": {"vocals": {"median": 2, "mean": 3}, "accompaniment": {"median": 20, "mean": 30}},
        "active": {source: {"median": -2, "mean": -3} for source in SOURCES},
    }


def test_windows_of_v3_are_those_of_the_song_and_in_their_order(tmp_path):
    stems, rate = song("one", 5.75), 1000  # so that it lasts 46 s

    def better(scored: ScoredMixture) -> dict[str, np.ndarray]:
        fade = np.linspace(0.5, 0.01, len(scored.mixture), dtype=np.float32)[:, None]
        v, a = (scored.references[source] for source in SOURCES)
        return {"vocals": v + fade * a, "accompaniment": a + fade * v}

    score([stems], [dataclasses.replace(HALF, separate=better)], tmp_path, sample_rate=rate)
    frames = ResultFolder(tmp_path).frames("v3", "half", "one")
    references = [stem.read(0, len(stem.audio)) for stem in (stems.vocals, stems.accompaniment)]
    estimates = better(ScoredMixture("one", rate, dict(zip(SOURCES, references, strict=True))))
    expected = bss_eval(references, [estimates[source] for source in SOURCES], rate, "v3")
    for index, source in enumerate(SOURCES):
        np.testing.assert_allclose(frames[source]["SDR"], expected["SDR"][index], atol=1e-3)
        assert frames[source]["SDR"][1] > frames[source]["SDR"][0] + 3
    written = json.loads((tmp_path / "v3/half/test/one.json").read_text())["targets"][0]["frames"]
    assert [(frame["time"], frame["duration"]) for frame in written] == [(0, 30), (15, 30)]


def test_voice_is_active_by_the_whole_song_whatever_is_scored(tmp_path):
    loud_and_quiet = song("one", 6, channels=2)
    level = np.repeat([1, 1e-3, 1e-3, 0.006, 0.006, 0.3], RATE)[:, None]  # 44 dB below the first second: no voice
    loud_and_quiet.vocals.audio[:] = (level * 3000 * np.random.default_rng(0).standard_normal((6 * RATE, 2))).round()
    score([loud_and_quiet], [HALF], tmp_path / "whole", protocols=["v4"], conditions=["mono"])
    score([loud_and_quiet], [HALF], tmp_path / "part", protocols=["v4"], excerpt=1)
    whole = ResultFolder(tmp_path / "whole")
    assert whole.song("half", "one")["active"] == [True, False, False, False, False, True]
    assert whole.song("half_mono", "one")["active"] == whole.song("half", "one")["active"]
    assert ResultFolder(tmp_path / "part").song("half", "one")["active"] == [True]


def test_estimates_that_are_kept_score_the_same(scored, tmp_path):
    out, summary = scored
    songs = [song("one"), song("two", 3.5, channels=2), song("<three> & 'more'", 5)]
    theirs = tmp_path / "half"
    shutil.copytree(out / "estimates" / "half", theirs)
    again = score(songs, [of_estimates(theirs)], tmp_path / "out", protocols=["v4"])
    assert again["rows"][0]["kind"] == "estimates"
    ours = {row["row"]: row for row in summary["rows"]}["half"]["scores"]["v4"]
    assert again["rows"][0]["scores"]["v4"] == ours
    shutil.copy(theirs / "test/one/vocals.wav", theirs / "test/one/accompaniment.wav")
    with pytest.raises(ValueError, match="its row half was scored with other weights"):
        score(songs, [of_estimates(theirs)], tmp_path / "out", protocols=["v4"])


def test_excerpts_are_those_of_the_song(scored):
    out, _ = scored
    about = ResultFolder(out).song("half", "one")
    assert about["playable"]
    two = ResultFolder(out).song("half", "two")
    assert (two["playable"], two["licence"]) == (False, "CC0; Restricted")
    assert about["excerpts"]["listen"] == {"start": 0.0, "seconds": 4.0}
    frames = ResultFolder(out).frames("v4", "half", "one")["vocals"]["SDR"]
    active = [0, 2, 3]
    assert about["excerpts"]["best"]["second"] == active[int(np.argmax(frames[active]))]
    assert about["excerpts"]["worst"]["second"] == active[int(np.argmin(frames[active]))]
    heard, rate = soundfile.read(out / "excerpts/half/one/best_vocals.flac", always_2d=True)
    expected, _ = soundfile.read(out / "estimates/half/test/one/vocals.wav", always_2d=True)
    assert rate == RATE
    gain = np.vdot(heard, expected) / np.vdot(expected, expected)  # one gain keeps an excerpt's mixture from clipping
    np.testing.assert_allclose(heard, gain * expected, atol=1e-4)
    mixture, _ = soundfile.read(out / "excerpts/reference/one/listen_mixture.flac", always_2d=True)
    assert np.abs(mixture).max() <= 1
    stems = [soundfile.read(out / f"excerpts/reference/one/listen_{s}.flac", always_2d=True)[0] for s in SOURCES]
    np.testing.assert_allclose(mixture, sum(stems), atol=1e-4)
    for source, stem in zip(SOURCES, stems, strict=True):
        clip, _ = soundfile.read(out / f"excerpts/half/one/worst_reference_{source}.flac", always_2d=True)
        np.testing.assert_allclose(clip, stem, atol=1e-4)  # the song is shorter than either


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("CC0-1.0", True),
        ("CC BY-NC-SA 4.0 (README.md)", True),
        ("Creative Commons Attribution", True),
        ("CC BY-ND 4.0", False),
        ("CC BY-NC-ND", False),
        ("CC BY-NC-ND4.0", False),
        ("Creative Commons Attribution-NonCommercial-NoDerivs 3.0 Unported", False),
        ("CC, no derivatives", False),
        ("not Creative Commons", False),
        ("Mit Genehmigung", False),
        ("MIT", True),
        ("CC BY 4.0; Restricted", False),
        ("CC0; CC BY-SA 3.0 (README)", True),
        ("CC0; not stated", False),
        ("Restricted", False),
        ("see the data set", False),
        ("", False),
    ],
)
def test_whose_excerpts_may_be_passed_on(licence, allowed):
    assert playable(licence) == allowed


def test_a_second_call_scores_only_what_is_missing(tmp_path):
    calls = []

    def counting(scored: ScoredMixture) -> dict[str, np.ndarray]:
        calls.append(scored.song)
        return half(scored)

    method = dataclasses.replace(HALF, separate=counting)
    songs = [song("one"), song("two")]
    first = score(songs, [method], tmp_path, protocols=["v4"])
    assert calls == ["one", "two"]
    assert "v3" not in first["rows"][0]["scores"]
    assert score(songs, [method], tmp_path, protocols=["v4"]) == first
    assert calls == ["one", "two"]
    (tmp_path / "songs/half/two.json").unlink()  # as if interrupted there
    score(songs, [method], tmp_path, protocols=["v4"])
    assert calls == ["one", "two", "two"]
    before = (tmp_path / "v4/half/test/one.json").stat().st_mtime_ns
    both = score(songs, [method], tmp_path)  # adds v3 and leaves v4
    assert {"v4", "v3"} <= set(both["rows"][0]["scores"])
    assert both["rows"][0]["scores"]["v4"] == first["rows"][0]["scores"]["v4"]
    assert (tmp_path / "v4/half/test/one.json").stat().st_mtime_ns == before


def test_other_weights_or_songs_do_not_mix_with_what_is_there(tmp_path):
    score([song("one")], [HALF], tmp_path, protocols=["v4"])
    retrained = dataclasses.replace(HALF, about={"sha256": "2"}, separate=MIXTURE.separate)
    with pytest.raises(ValueError, match=r"its row half was scored with other weights.*--overwrite"):
        score([song("one")], [retrained], tmp_path, protocols=["v4"])
    with pytest.raises(ValueError, match=r"scores of other songs or excerpts"):
        score([song("one"), song("two")], [HALF], tmp_path, protocols=["v4"])
    with pytest.raises(ValueError, match=r"scores of other songs or excerpts"):
        score([song("one", seed=1)], [HALF], tmp_path, protocols=["v4"])
    remixed = Song("one", song("one").vocals, song("one", seed=1).accompaniment)
    with pytest.raises(ValueError, match=r"scores of other songs or excerpts"):
        score([remixed], [HALF], tmp_path, protocols=["v4"])
    with pytest.raises(ValueError, match=r"scores of other songs or excerpts"):
        score([song("one")], [HALF], tmp_path, protocols=["v4"], excerpt=2)
    summary = score([song("one")], [retrained], tmp_path, protocols=["v4"], overwrite=True)
    assert summary["rows"][0]["scores"]["v4_active"]["vocals"]["SDR"]["median_of_medians"] < 1


def test_overwriting_leaves_nothing_of_the_old_weights(tmp_path):
    """Neither its other protocols, nor its altered songs, nor the songs that an interruption left out."""
    good = dataclasses.replace(
        HALF, separate=lambda scored: {s: x + 1e-3 * scored.mixture for s, x in scored.references.items()}
    )
    bad = dataclasses.replace(HALF, about={"sha256": "2"})
    songs = [song("one"), song("two")]
    score(songs, [good], tmp_path, conditions=["level_+20db"])

    def interrupted(scored: ScoredMixture) -> dict[str, np.ndarray]:
        if scored.song == "two":
            raise KeyboardInterrupt
        return half(scored)

    stopped = dataclasses.replace(bad, separate=interrupted)
    with pytest.raises(KeyboardInterrupt):
        score(songs, [stopped], tmp_path, protocols=["v4"], overwrite=True)
    assert not (tmp_path / "summary.json").exists()
    assert not list((tmp_path / "v3").rglob("*.json"))
    rows = {row["row"]: row for row in score(songs, [MIXTURE], tmp_path, protocols=["v4"])["rows"]}
    assert set(rows) == {"mixture", "half"}
    assert not set(rows["half"]["songs"]) - {"one"}
    rows = {row["row"]: row for row in score(songs, [bad], tmp_path)["rows"]}
    for view in ("v4_active", "v3"):
        assert rows["half"]["scores"][view]["vocals"]["SDR"]["median_of_medians"] < 7


def test_names_that_would_fall_together_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"rows of different names. Received: mixture more than once"):
        score([song("one")], [MIXTURE, dataclasses.replace(HALF, row="mixture")], tmp_path)
    with pytest.raises(ValueError, match=r"songs of different names. Received: one more than once"):
        score([song("one"), song("one")], [HALF], tmp_path)
    for name in ("AC/DC", ".hidden", "x" * 201):
        with pytest.raises(ValueError, match="can be file names"):
            score([song(name)], [HALF], tmp_path)
    assert not list(tmp_path.iterdir())


def test_frames_that_a_method_mutes_are_counted(tmp_path):
    """museval gives them no value, so that a gate lifts its medians: the report says so."""

    def gate(scored: ScoredMixture) -> dict[str, np.ndarray]:
        stems = half(scored)
        stems["vocals"][RATE : 3 * RATE] = 0
        return stems

    songs = [song("one")]
    songs[0].vocals.audio[RATE : 2 * RATE] = 0  # where nobody sings silence is right
    summary = score(songs, [HALF, dataclasses.replace(HALF, row="gate", separate=gate)], tmp_path, protocols=["v4"])
    scores = {row["row"]: row["scores"] for row in summary["rows"]}
    assert scores["gate"]["v4"]["vocals"]["frames_muted"] == 1
    assert scores["gate"]["v4"]["vocals"]["frames_without_value"] == 2
    assert scores["half"]["v4"]["vocals"]["frames_muted"] == 0
    assert "is silent in 1 frame of 1 s where the true stems are not" in write_summary(tmp_path)


def test_a_view_of_fewer_songs_is_noticed(tmp_path):
    songs = [song("one"), song("two")]
    score(songs, [HALF], tmp_path)
    (tmp_path / "v3/half/test/two.json").unlink()
    summary = score(songs, [MIXTURE], tmp_path, protocols=["v4"])
    scores = {row["row"]: row["scores"] for row in summary["rows"]}["half"]
    assert scores["v3"]["vocals"]["songs"] == ["one"]
    assert "v3: 1 song" in write_summary(tmp_path)


def test_a_scoring_process_finds_the_same_scores(tmp_path):
    songs = [song("one"), song("two")]
    here, there = (score(songs, [HALF], tmp_path / str(jobs), jobs=jobs)["rows"] for jobs in (0, 1))
    assert {"v4", "v3"} <= set(here[0]["scores"])
    compared = 0
    for view, by_source in here[0]["scores"].items():
        for source in SOURCES:
            for metric in ("SDR", "ISR", "SIR", "SAR"):
                for aggregate, value in by_source[source][metric].items():
                    found = there[0]["scores"][view][source][metric][aggregate]
                    if value < 200:  # above, without any artefact, there is nothing but rounding
                        assert found == pytest.approx(value, abs=1e-4)
                        compared += 1
                    else:
                        assert found > 200
    assert compared >= 3 * 2 * 3 * 2


def test_without_scoring_processes_an_error_comes_with_the_result():
    with processes(0) as pool:
        assert pool.submit(int, "7").result() == 7
        with pytest.raises(ValueError, match="invalid literal"):
            pool.submit(int, "seven").result()


@pytest.mark.slow("starts two scoring processes, which import museval")
def test_a_worker_that_is_killed_is_one_line(tmp_path, monkeypatch):
    def killed(*_: object) -> None:
        for pid in subprocess.run(["pgrep", "-P", str(os.getpid())], capture_output=True, text=True).stdout.split():
            if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(int(pid), signal.SIGKILL)

    def separate(scored: ScoredMixture) -> dict[str, np.ndarray]:
        if scored.song == "two":
            killed()
        return half(scored)

    with pytest.raises(ValueError, match="a scoring process was killed"):
        score([song("one"), song("two")], [dataclasses.replace(HALF, separate=separate)], tmp_path, jobs=2)


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "excerpts").write_text("not a folder")
    with pytest.raises(OSError, match="excerpts"):
        score([song("one")], [HALF], tmp_path, protocols=["v4"])
    path = tmp_path / "none" / "x.flac"
    with pytest.raises(OSError, match=r"x\.flac: cannot be written"):
        write_audio(path, np.zeros((8, 2)), RATE, "PCM_16")


@pytest.fixture(scope="module")
def one_song(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("one_song")
    score([song("one")], [HALF], out, protocols=["v4"])
    return out


@pytest.fixture
def one_copy(one_song, tmp_path) -> Path:
    return Path(shutil.copytree(one_song, tmp_path / "copy"))


def test_other_versions_do_not_mix_with_what_is_there(one_copy, monkeypatch):
    monkeypatch.setattr("training.evaluation.scoring.version", lambda name: "0")
    with pytest.raises(ValueError, match="its row half was scored with other weights or versions"):
        score([song("one")], [HALF], one_copy, protocols=["v4"])


def test_rows_keep_their_place_and_estimates_can_be_had_later(one_copy):
    new = dataclasses.replace(HALF, row="a")
    summary = score([song("one")], [new, HALF], one_copy, protocols=["v4"], save_estimates=True)
    assert [row["row"] for row in summary["rows"]] == ["half", "a"]
    assert len(list((one_copy / "estimates/half/test/one").iterdir())) == 2


@pytest.mark.parametrize("when", ["separated", "scored"])
def test_nothing_stays_of_a_song_that_fails_later(one_copy, monkeypatch, when):
    def fail(*_: object) -> None:
        raise LookupError("no way")

    method = HALF
    if when == "separated":
        method = dataclasses.replace(HALF, separate=fail)
    else:
        monkeypatch.setattr("training.evaluation.scoring._Unit.values", fail)
    for _ in range(2):
        [row] = score([song("one")], [method], one_copy)["rows"]
        assert row["failed"] == [{"song": "one", "error": "LookupError: no way"}]
        assert (row["songs"], row["scores"]) == ([], {})
        assert not list(one_copy.glob("v4/half/test/*")) + list(one_copy.glob("excerpts/half/*"))


def test_the_environment_is_as_it_was(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    before = dict(os.environ)

    def interrupted() -> None:
        with processes(1):
            assert os.environ["OMP_NUM_THREADS"] == "1"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert dict(os.environ) == before


@pytest.mark.parametrize("file", ["data.json", "rows/half.json", "songs/half/one.json", "v4/half/test/one.json"])
@pytest.mark.parametrize("content", ["{}", "[]", "{", ""])
def test_a_broken_result_folder_is_one_line(one_song, tmp_path, file, content):
    shutil.copytree(one_song, tmp_path / "out")
    (tmp_path / "out" / file).write_text(content)
    with pytest.raises(ValueError, match=re.escape(file)) as error:
        score([song("one")], [HALF], tmp_path / "out", protocols=["v4"])
    assert "\n" not in str(error.value)


def test_a_song_that_fails_is_named_and_the_rest_goes_on(tmp_path, capsys):
    def moody(scored: ScoredMixture) -> dict[str, np.ndarray]:
        if scored.song == "two":
            raise ValueError("no way")
        stems = half(scored)
        return {source: stem[:-1] for source, stem in stems.items()} if scored.song == "short" else stems

    songs = [song("one"), song("two"), song("short"), song("four")]
    songs[3].vocals.audio[:] = 0
    summary = score(songs, [dataclasses.replace(HALF, separate=moody)], tmp_path, protocols=["v4"])
    row = summary["rows"][0]
    assert row["songs"] == ["one"]
    errors = {failed["song"]: failed["error"] for failed in row["failed"]}
    assert set(errors) == {"two", "short", "four"}
    assert errors["two"] == "no way"
    assert "32000" in errors["short"]
    assert "31999" in errors["short"]
    assert "all zero" in errors["four"]
    assert "failed: half: two: no way" in capsys.readouterr().err
    assert "half: 1 of 4" in write_summary(tmp_path)
    assert "on two: no way" in write_summary(tmp_path)
    mended = score(songs, [HALF], tmp_path, protocols=["v4"])["rows"][0]
    assert mended["songs"] == ["one", "two", "short"]
    assert [failed["song"] for failed in mended["failed"]] == ["four"]


def test_a_song_below_a_second_is_scored_as_one_frame(tmp_path):
    """It has no whole second, thus none with voice; what is too short for BSS Eval's filters fails, by its name."""
    songs = [song("long"), song("short", seconds=0.5), song("blink", seconds=0.02)]
    row = score(songs, [MIXTURE, HALF], tmp_path)["rows"][1]
    assert row["songs"] == ["long", "short"]
    assert [failed["song"] for failed in row["failed"]] == ["blink"]
    assert "blink: expected at least" in row["failed"][0]["error"]
    for protocol in ("v4", "v3"):
        mixture, ours = (ResultFolder(tmp_path).frames(protocol, name, "short") for name in ("mixture", "half"))
        for source in SOURCES:
            assert ours[source]["SDR"] - mixture[source]["SDR"] == pytest.approx([6.02], abs=0.01)
    about = ResultFolder(tmp_path).song("half", "short")
    assert (about["active"], about["muted"], about["seconds"]) == ([], [], 0.5)
    assert about["si_sdr"]["all"]["vocals"] == pytest.approx(6, abs=0.5)
    assert about["si_sdr"]["active"]["vocals"] is None
    assert "on blink: blink: expected at least" in write_summary(tmp_path)


def test_conditions_are_rows_of_models_only(tmp_path):
    summary = score(
        [song("one", 2, channels=2)], [MIXTURE, HALF], tmp_path, protocols=["v4"], conditions=["level_+20db", "mono"]
    )
    rows = {row["row"]: row for row in summary["rows"]}
    assert set(rows) == {"mixture", "half", "half_level_+20db", "half_mono"}
    assert rows["half_mono"]["condition"] == "mono"
    assert rows["half_mono"]["label"] == "half, mono"
    sdr = {name: row["scores"]["v4"]["vocals"]["SDR"]["median_of_medians"] for name, row in rows.items()}
    assert sdr["half_level_+20db"] == pytest.approx(sdr["half"], abs=1e-3)  # whose gain does not depend on the level


def test_excerpts_score_a_part_of_what_is_separated_whole(tmp_path):
    lengths = []

    def counting(scored: ScoredMixture) -> dict[str, np.ndarray]:
        lengths.append(len(scored.mixture))
        return half(scored)

    summary = score([song("one", 6)], [dataclasses.replace(HALF, separate=counting)], tmp_path, excerpt=3)
    assert lengths == [6 * RATE]
    assert summary["data"]["songs"][0]["seconds"] == 3
    assert summary["rows"][0]["scores"]["v4"]["vocals"]["frames"] == 3
    excerpts = ResultFolder(tmp_path).song("half", "one")["excerpts"]
    assert excerpts["listen"] == {"start": 2.0, "seconds": 3.0}
    frames = ResultFolder(tmp_path).frames("v4", "half", "one")["vocals"]["SDR"]
    assert excerpts["best"]["second"] == 2 + np.argmax(frames)


def write_data(root: Path, channels: int = 2) -> Path:
    folder = root / "test/songs/lithium"
    folder.mkdir(parents=True)
    for source in SOURCES:
        audio, rate = soundfile.read(EXAMPLE / f"{source}.ogg", start=10 * 44100, frames=2 * 44100)
        soundfile.write(folder / f"{source}.wav", audio[:, :channels], rate)
    return root


@pytest.fixture
def data(tmp_path) -> Path:
    """A data set of 2 s of the example song."""
    return write_data(tmp_path / "data")


def _evaluate(data: Path, out: Path, *options: object) -> int:
    return main(["evaluate", "--data", str(data), "--out", str(out), "--jobs", "0", *map(str, options)])


@pytest.mark.command
def test_musevals_own_command_gives_the_same_numbers(data, tmp_path, capsys):
    options = ("--references", "none", "--protocols", "v4", "--save-estimates", "--jobs", 2)
    assert _evaluate(data, tmp_path / "out", *options) == 0
    row = f"{DEFAULT_PRESET}-mask-dynamic_int8"
    assert f"| {row} |" in capsys.readouterr().out
    # As MUSDB18 has it, with the whole accompaniment as drums.
    track = tmp_path / "musdb/test/lithium"
    track.mkdir(parents=True)
    stems = {source: soundfile.read(data / f"test/songs/lithium/{source}.wav")[0] for source in SOURCES}
    silence = np.zeros_like(stems["vocals"])
    band = {"vocals": stems["vocals"], "drums": stems["accompaniment"], "bass": silence, "other": silence}
    for name, audio in (band | {"mixture": sum(stems.values())}).items():
        soundfile.write(track / f"{name}.wav", audio, 44100, subtype="PCM_16")
    command = [Path(sys.executable).parent / "museval", "--musdb", tmp_path / "musdb", "--is-wav"]
    command += [tmp_path / "out/estimates" / row, "-o", tmp_path / "theirs"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = json.loads((tmp_path / "theirs/test/lithium.json").read_text())
    ours = json.loads((tmp_path / "out/v4" / row / "test/lithium.json").read_text())
    assert ours == theirs


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """The run folder of a tiny network at 8 kHz that learned from a song X."""
    known = {"train": [manifest_row("train/songs/x/vocals.wav", song="X", sha256="ab" * 32)], "valid": []}
    return write_run(tmp_path_factory.mktemp("runs") / "short", manifest=known)


def fitted(size: str, spec: StreamSpec) -> keras.Model:
    """A network that was trained for seconds on the example song, so that its masks depend on its state."""
    part = {"dtype": "float32", "start": 10 * 44100, "frames": 5 * 44100}
    stems = {source: soundfile.read(EXAMPLE / f"{source}.ogg", **part)[0] for source in SOURCES}

    def segments(waveform: np.ndarray) -> np.ndarray:
        magnitude = np.abs(stft(waveform, spec))
        return magnitude[: len(magnitude) // 8 * 8].reshape(8, -1, *magnitude.shape[1:])

    keras.utils.set_random_seed(0)
    network = build_network("or_unet", size, spec)
    model = Separation(network)
    model.compile(keras.optimizers.Adam(5e-3))
    targets = {source: segments(stem) for source, stem in stems.items()}
    model.fit(segments(sum(stems.values())), targets, batch_size=1, epochs=6, verbose=0)
    return network


def test_a_mono_network_separates_each_side_by_itself():
    network = build_network("or_unet", "tiny", StreamSpec(RATE, 1, 256, 64, 256))
    stereo = np.random.default_rng(0).standard_normal((RATE, 2)).astype(np.float32)
    found = separate_whole(network, stereo)
    for source in SOURCES:
        assert found[source].shape == stereo.shape
        for side in (0, 1):
            alone = separate_whole(network, stereo[:, side : side + 1])[source]
            np.testing.assert_array_equal(found[source][:, side : side + 1], alone)


def test_scores_of_another_machine_keep_the_excerpts(tmp_path):
    """A protocol that is asked for later is scored there in an empty folder, without the scores that are here."""

    def elsewhere(pairs):
        for index, pair in enumerate(pairs):
            yield index, score_pair(pair, HALF, RATE, None, False)

    for out, where in (("here", None), ("there", elsewhere)):
        for protocols in (["v4"], ["v4", "v3"]):
            score([song("one")], [HALF], tmp_path / out, protocols=protocols, elsewhere=where)
    here, there = ((tmp_path / out / "songs/half/one.json").read_text() for out in ("here", "there"))
    assert json.loads(there) == json.loads(here)
    assert json.loads(there)["excerpts"]


@pytest.mark.whole_size
def test_online_equals_offline(data, tmp_path):
    """The streamed .tflite file and the Keras network on the whole song; 0.01 dB is what is asked."""
    spec = StreamSpec()
    settings = ("model.size=s", *(f"spec.{name}={value}" for name, value in spec.to_dict().items()))
    run = write_run(tmp_path / "short", *settings, network=fitted("s", spec))
    network = of_run(run)
    files = convert(load_best(run), tmp_path, "short", precisions=("float32",))
    out = tmp_path / "out"
    for file in files:
        model = ("--model", tmp_path / file["file"], "--references", "none", "--protocols", "v4")
        assert _evaluate(data, out, *model) == 0
    assert _evaluate(data, out, "--run", run, "--references", "none", "--protocols", "v4") == 0
    results = ResultFolder(out)
    rows = {row["row"]: results.frames("v4", row["row"], "lithium") for row in results.rows()}
    assert set(rows) == {"short", "short-mask-float32", "short-waveform-float32"}
    for source in SOURCES:
        sdr = {name: frames[source]["SDR"] for name, frames in rows.items()}
        for name in set(rows) - {"short"}:
            np.testing.assert_allclose(sdr[name], sdr["short"], atol=1e-3)
    # Negative control: a network that forgets once in between differs.
    assert network.online
    stems = {
        source: soundfile.read(data / f"test/songs/lithium/{source}.wav", dtype="float32")[0] for source in SOURCES
    }
    scored = ScoredMixture("lithium", 44100, stems)
    whole = network.separate(scored)
    halves = [network.separate(ScoredMixture("", 44100, stems, half)) for half in np.array_split(scored.mixture, 2)]
    forgets = np.concatenate([part["vocals"] for part in halves])
    changed = [
        bss_eval([*stems.values()], [x, whole["accompaniment"]], 44100)["SDR"] for x in (whole["vocals"], forgets)
    ]
    assert np.abs(changed[0] - changed[1]).max() > 5e-3


def test_what_a_model_learned_from_is_not_scored(run, data, tmp_path, capsys):
    songs = data / "test/songs"
    out = tmp_path / "out"
    (songs / "lithium").rename(songs / "04 - x")
    assert _evaluate(data, out, "--run", run) == 1
    assert "1 of the songs were trained on" in capsys.readouterr().err
    assert not out.exists()
    # A shipped model knows its songs too, and files by what is in them; nothing was trained on this one.
    (songs / "04 - x").rename(songs / "Music Delta - Grunge")
    assert _evaluate(data, out) == 1
    assert "Music Delta - Grunge" in capsys.readouterr().err
    # And as a file.
    assert _evaluate(data, out, "--model", ROOT / f"keras_sep/assets/{DEFAULT_PRESET}-mask-dynamic_int8.tflite") == 1
    assert "Music Delta - Grunge" in capsys.readouterr().err
    # Its validation songs may be scored as such.
    shutil.move(data / "test", data / "valid")
    assert _evaluate(data, out, "--split", "valid", "--references", "none", "--protocols", "v4") == 0
    assert ResultFolder(out).frames("v4", f"{DEFAULT_PRESET}-mask-dynamic_int8", "Music Delta - Grunge")


def test_a_known_file_under_another_name_is_left_out(run, data, tmp_path, capsys):
    known = sha256_of(data / "test/songs/lithium/vocals.wav")
    copy = tmp_path / "short"
    shutil.copytree(run, copy)
    rows = json.loads((copy / "manifest.json").read_text())
    rows["valid"] = [{**rows["train"][0], "song": "another", "sha256": known}]
    (copy / "manifest.json").write_text(json.dumps(rows))
    assert _evaluate(data, tmp_path / "out", "--run", copy) == 1
    assert "1 of the songs were trained on" in capsys.readouterr().err
    assert _evaluate(data, tmp_path / "out", "--run", copy, "--exclude-shared") == 1
    assert "expected songs with stems to score. Received: none" in capsys.readouterr().err


def test_a_file_that_does_not_say_what_it_was_trained_on_is_named(capsys):
    for provenance in ({}, {"trained_on": {}}, {"trained_on": None}):
        assert exposure_of_file(provenance, "a file") == TrainingExposure()
        said = capsys.readouterr().err
        assert said == "warning: a file does not say what it was trained on; shared songs are not detected\n"
    songs = {"train": {"songs": ["X"], "stems": []}, "valid": {"songs": [], "stems": []}}
    assert exposure_of_file({"trained_on": songs}, "a file").songs() == {"X"}
    assert capsys.readouterr().err == ""


@pytest.mark.slow("converts a network")
def test_a_converted_file_remembers_what_it_learned_from(run, data, tmp_path, capsys):
    network, provenance = load_run(run)
    (file,) = convert(network, tmp_path, "a", graphs=("mask",), precisions=("float32",), provenance=provenance)
    (data / "test/songs/lithium").rename(data / "test/songs/x")
    assert _evaluate(data, tmp_path / "out", "--model", tmp_path / file["file"]) == 1
    assert "1 of the songs were trained on" in capsys.readouterr().err
    assert _evaluate(data, tmp_path / "out", "--model", tmp_path / file["file"], "--exclude-shared") == 1
    assert "the 1 excluded songs leave none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--references", "mixture,irm3"], "--references: expected some of mixture, .*Received: irm3"),
        (["--protocols", "v3"], "--protocols: expected v4 among them. Received: v3"),
        (["--protocols", "v4,v5"], "--protocols: expected some of v4, v3. Received: v5"),
        (["--robustness", "loud"], "--robustness: expected some of level_.*Received: loud"),
        (["--name", "../x"], "expected a name of letters.*Received: '../x'"),
        (["--name", "reference"], "expected a name of letters.*Received: 'reference'"),
        (["--jobs", "-1"], "--jobs: expected at least 0. Received: -1"),
        (["--excerpt", "0"], "--excerpt: expected at least 1. Received: 0"),
        (["--estimates", "{data}", "--robustness"], "--robustness: .*Received: --estimates"),
        (["--estimates", "{data}", "--exclude-shared"], "--exclude-shared: .*Received: --estimates"),
        (["--save-estimates", "--excerpt", "1"], "--save-estimates: expected whole songs"),
        (["--estimates", "{data}"], "expected folders of songs with vocals"),
        (["--estimates", "{data}/none"], "expected folders of songs with vocals"),
        (["--run", "{data}"], "expected a run folder"),
        (["--run", "{data}", "--graph", "mask"], "--graph, --precision: expected a preset, .*Received: --run"),
        (["--model", "x.tflite", "--precision", "float16"], "--precision: expected a preset, .*Received: --model"),
        (["--estimates", "{data}", "--graph", "mask"], "--graph, --precision: .*Received: --estimates"),
        (["--model", "{data}/none.tflite"], "none.tflite"),
        (["--preset", "none"], "none"),
        (["--split", "some"], "split: expected one of"),
    ],
)
def test_wrong_options_are_named_before_anything_is_written(data, tmp_path, capsys, options, message):
    options = [option.format(data=data) for option in options]
    assert _evaluate(data, tmp_path / "out", *options) == 1
    error = capsys.readouterr().err
    assert re.search(message, error), error
    assert len([line for line in error.splitlines() if line.startswith("error: ")]) == 1
    assert not (tmp_path / "out").exists()


def test_stems_under_the_names_of_other_systems(tmp_path):
    data = write_data(tmp_path / "data", channels=1)
    references = {source: data / f"test/songs/lithium/{source}.wav" for source in SOURCES}
    silence, rate = 0 * soundfile.read(references["vocals"])[0], 44100
    for system, names in (
        ("demucs", ("no_vocals",)),
        ("spleeter", ("accompaniment",)),
        ("umx", ("drums", "bass", "other")),
        ("demucs6", ("drums", "bass", "other", "guitar", "piano")),
    ):
        folder = tmp_path / system / "LITHIUM"
        folder.mkdir(parents=True)
        noise = 1e-4 * np.random.default_rng(0).standard_normal(silence.shape)
        soundfile.write(folder / "vocals.wav", soundfile.read(references["vocals"])[0] + noise, rate, subtype="FLOAT")
        whole = soundfile.read(references["accompaniment"])[0] - noise
        for name in names:
            soundfile.write(folder / f"{name}.wav", whole / len(names), rate, subtype="FLOAT")
        options = ("--estimates", tmp_path / system, "--references", "none", "--protocols", "v4")
        assert _evaluate(data, tmp_path / "out", *options) == 0
        frames = ResultFolder(tmp_path / "out").frames("v4", system, "lithium")
        assert min(frames["vocals"]["SDR"].min(), frames["accompaniment"]["SDR"].min()) > 40


def test_parts_beside_the_whole_are_not_added_to_it(tmp_path):
    (tmp_path / "lithium").mkdir()
    for name, value in (("Vocals", 0.125), ("no_vocals", 0.5), ("Drums", 0.25), ("mixture", 0.625)):
        soundfile.write(tmp_path / f"lithium/{name}.wav", np.full((8, 2), value), RATE, subtype="FLOAT")
    stems = of_estimates(tmp_path).separate(ScoredMixture("lithium", RATE, dict.fromkeys(SOURCES, np.zeros((8, 2)))))
    assert {source: stem[0, 0] for source, stem in stems.items()} == {"vocals": 0.125, "accompaniment": 0.5}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("rate", "expected 44100 Hz, as the references. Received: 22050 Hz"),
        ("short", "88200"),
        ("mono", "channel"),
        ("silent", "all zero"),
        ("broken", "expected an audio file"),
        ("nan", "finite"),
        ("missing", "expected one folder named lithium. Received: none"),
        ("incomplete", "lithium: expected vocals and accompaniment, or parts of it. Received: accompaniment.wav"),
    ],
)
def test_wrong_estimates_are_named(data, tmp_path, capsys, damage, message):
    folder = tmp_path / "estimates" / ("other" if damage == "missing" else "lithium")
    folder.mkdir(parents=True)
    for source in SOURCES:
        audio, rate = soundfile.read(data / f"test/songs/lithium/{source}.wav")
        if damage == "rate":
            rate = 22050
        elif damage == "short":
            audio = audio[:-100]
        elif damage == "mono":
            audio = audio[:, 0]
        elif damage == "silent" and source == "vocals":
            audio = 0 * audio
        elif damage == "nan":
            audio = np.where(audio == audio[100], np.nan, audio)
        elif damage == "incomplete" and source == "vocals":
            continue
        soundfile.write(folder / f"{source}.wav", audio, rate, subtype="FLOAT")
        if damage == "broken":
            (folder / f"{source}.wav").write_bytes(b"RIFF")
    options = ("--estimates", tmp_path / "estimates", "--references", "none", "--protocols", "v4")
    assert _evaluate(data, tmp_path / "out", *options) == 1
    output = capsys.readouterr()
    assert message in output.err
    assert "error: 1 scores are missing" in output.err


@pytest.mark.command
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_it_can_be_interrupted_and_goes_on(data, tmp_path, number, code):
    for name in ("b", "c"):
        shutil.copytree(data / "test/songs/lithium", data / f"test/songs/{name}")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "training", "evaluate", "--data", str(data), "--out", str(out)]
    command += ["--references", "mixture,irm1", "--protocols", "v4", "--jobs", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not list(out.glob("songs/*/*.json")):
        time.sleep(0.02)
    children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code, error
    assert "Traceback" not in error
    for _ in range(100):  # the last of them, multiprocessing's own, notices that we are gone
        if not (left := [pid for pid in children if Path(f"/proc/{pid}").exists()]):
            break
        time.sleep(0.1)
    assert not left
    done = {path: path.stat().st_mtime_ns for path in out.glob("songs/*/*.json")}
    assert 1 <= len(done) < 9
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert len(list(out.glob("songs/*/*.json"))) == 9
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert not list(out.rglob(".*"))
