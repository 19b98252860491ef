from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from keras_sep import AudioError
from keras_sep.batch.plan import Job, Request, make_plan
from keras_sep.batch.records import Records
from keras_sep.batch.songs import Skipped
from keras_sep.batch.template import DEFAULT, NameTemplate
from keras_sep.outputs import FileOptions
from tests.support.needs import needs_posix

STEMS = {"vocals": {"vocals": 1.0}, "accompaniment": {"accompaniment": 1.0}}


@pytest.fixture
def library(tmp_path) -> Path:
    for name in ("a/01.wav", "b/01.wav", "b/02.mp3"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    return tmp_path / "in"


def request(*inputs: Path, out: Path, **options) -> Request:
    values = {
        "mixes": STEMS,
        "model": "0a",
        "model_name": "base",
        "template": NameTemplate(options.pop("name", DEFAULT)),
    }
    return Request(inputs, out, **{**values, **options})


def plan(*inputs: Path, out: Path, **options) -> list[Job | Skipped]:
    return make_plan(request(*inputs, out=out, **options), Records())


def targets(items: list[Job | Skipped], out: Path) -> dict[str, list[str]]:
    jobs = [item for item in items if isinstance(item, Job)]
    return {job.song.name: [str(output.path.relative_to(out)) for output in job.outputs] for job in jobs}


def make(job: Job, complete: bool = True) -> None:
    """What separating would leave."""
    for output in job.outputs:
        output.path.parent.mkdir(parents=True, exist_ok=True)
        output.path.write_text(f"stem of {job.song}")
    Records().set({output.path: job.entries[output.path] for output in job.outputs}, complete)


def test_a_folder_comes_out_as_the_same_tree(library, tmp_path):
    out = tmp_path / "out"
    items = plan(library, out=out)
    assert [item.song for item in items] == [library / "a/01.wav", library / "b/01.wav", library / "b/02.mp3"]
    assert [str(output.path.relative_to(out)) for item in items for output in item.outputs] == [
        f"{name}/{stem}.wav" for name in ("a/01", "b/01", "b/02") for stem in ("vocals", "accompaniment")
    ]
    assert not out.exists()
    by_stem = plan(library, out=out, name="{stem}/{name} by {preset} of {suffix}", options=FileOptions("mp3"))
    assert by_stem[2].outputs[0].path == out / "vocals/b/02 by base of mp3.mp3"


def test_a_song_is_planned_once(library, tmp_path):
    song = library / "b" / "02.mp3"
    again = library / "a" / ".." / "b" / "02.mp3"
    assert len(plan(song, song, again, out=tmp_path)) == 1
    assert len(plan(library / "b", song, out=tmp_path)) == 2
    assert len(plan(library, song, out=tmp_path / "out")) == 4  # as b/02 and as 02


def test_two_outputs_of_one_name_are_refused(library, tmp_path):
    with pytest.raises(AudioError, match=r"a/01\.wav and .*b/01\.wav would both be written to .*out/01/vocals\.wav: "):
        plan(library / "a", library / "b", out=tmp_path / "out")
    with pytest.raises(AudioError, match=r"would both be written to .*out/vocals\.wav"):
        plan(library, out=tmp_path / "out", name="{stem}")
    with pytest.raises(
        AudioError, match=r"01\.wav: all of its stems would be .*out/01\.wav: expected \{stem\} in --name"
    ):
        plan(library / "a/01.wav", out=tmp_path / "out", name="{name}")
    (library / "b" / "02.wav").touch()
    with pytest.raises(AudioError, match=r"b/02\.mp3 and .*b/02\.wav would both be written .* as by \{suffix\}"):
        plan(library, out=tmp_path / "out")
    assert len(plan(library, out=tmp_path / "out", name="{name}.{suffix}/{stem}")) == 4
    one = {"mix": {"vocals": 0.0, "accompaniment": 1.0}}
    assert plan(library / "a/01.wav", out=tmp_path, name="{name}", mixes=one)[0].outputs[0].path == tmp_path / "01.wav"


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_input_is_never_replaced(library, tmp_path, overwrite):
    """Neither a job's own nor another one's, not even by another name of it."""
    stem = tmp_path / "out" / "01" / "vocals.wav"
    stem.parent.mkdir(parents=True)
    shutil.copy(library / "a/01.wav", stem)
    song = library / "b/01.wav"
    with pytest.raises(AudioError, match=r"out/01/vocals\.wav: cannot write: it is another input; choose"):
        plan(song, stem, out=tmp_path / "out", overwrite=overwrite)
    with pytest.raises(AudioError, match=r"01\.wav: cannot write: it is the input; choose another OUTDIR"):
        plan(song, out=library / "b", name="{name}", mixes={"vocals": {"vocals": 1.0}}, overwrite=overwrite)
    stem.unlink()
    os.link(song, stem)
    with pytest.raises(AudioError, match=r"out/01/vocals\.wav: cannot write: it is the input"):
        plan(song, out=tmp_path / "out", overwrite=overwrite)


def test_what_is_there_made_of_the_same_is_not_made_again(library, tmp_path):
    out = tmp_path / "out"
    for job in plan(library, out=out):
        make(job)
    for job in plan(library, out=out):
        assert (job.outputs, job.problem, len(job.made)) == ([], None, 2)
    (out / "b/01/vocals.wav").unlink()
    assert targets(plan(library / "b", out=out / "b"), out) == {"01.wav": ["b/01/vocals.wav"], "02.mp3": []}
    assert all(len(job.outputs) == 2 for job in plan(library, out=out, overwrite=True))


def test_what_was_being_put_in_place_when_it_was_killed_is_made_again(library, tmp_path):
    out = tmp_path / "out"
    (job,) = plan(library / "a", out=out)
    make(job, complete=False)
    (job,) = plan(library / "a", out=out)
    assert (len(job.outputs), job.problem, job.made) == (2, None, [])


CHANGES = {
    "another song": (lambda library: (library / "b/01.wav", {}), r"made of .*in/a/01\.wav"),
    "another model": (lambda library: (library / "a/01.wav", {"model": "0b", "model_name": "small"}), "made by base"),
    "another excerpt": (
        lambda library: (library / "a/01.wav", {"options": FileOptions(start=3.0)}),
        "made of the song from 0 s to the end",
    ),
    "another format": (
        lambda library: (library / "a/01.wav", {"options": FileOptions("wav16", start=3.0)}),
        "made of the song from 0 s to the end, with format wav",
    ),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_what_is_there_made_of_something_else_is_a_problem(library, tmp_path, change, said):
    out = tmp_path / "out"
    (job,) = plan(library / "a/01.wav", out=out)
    make(job)
    song, options = change(library)
    (job,) = plan(song, out=out, **options)
    assert job.outputs == []
    assert not job.is_to_do
    assert job.problem is not None
    assert job.problem.startswith(f"{song}: {out / '01' / 'vocals.wav'} is there already, ")
    assert re.search(said + "; --overwrite replaces it$", job.problem), job.problem
    (job,) = plan(song, out=out, overwrite=True, **options)
    assert (len(job.outputs), job.problem) == (2, None)


def test_what_nothing_is_known_of_is_a_problem(library, tmp_path):
    vocals = tmp_path / "01" / "vocals.wav"
    vocals.parent.mkdir()
    vocals.write_text("mine")
    (job,) = plan(library / "a/01.wav", out=tmp_path)
    assert "is there already, and nothing says what it was made of; --overwrite replaces it" in job.problem
    (other,) = plan(library / "a/01.wav", out=tmp_path, mixes={"accompaniment": STEMS["accompaniment"]})
    assert other.problem is None
    make(other)
    vocals.unlink()
    (job,) = plan(library / "a/01.wav", out=tmp_path)
    assert targets([job], tmp_path) == {"01.wav": ["01/vocals.wav"]}
    make(job)
    vocals.write_text("mine")
    (job,) = plan(library / "a/01.wav", out=tmp_path)
    assert "vocals.wav is there already, changed since it was made; --overwrite" in job.problem


def test_what_is_not_there_is_a_problem_of_its_own(library, tmp_path):
    out = tmp_path / "out"
    (job,) = plan(library / "a/01.wav", out=out)
    make(job)
    (job,) = plan(tmp_path / "nowhere" / "01.wav", out=out)  # although its stems seem to be there
    assert job.problem == f"{tmp_path}/nowhere/01.wav: cannot read: No such file or directory"
    (tmp_path / "empty").mkdir()
    (item,) = plan(tmp_path / "empty", out=out)
    assert item == Skipped(
        tmp_path / "empty",
        "expected songs in this folder. Received: none (--dry-run says what else is there)",
        failed=True,
    )
    items = plan(library, out=out, include=["*.ogg"])
    assert [item.failed for item in items] == [False, False, False, True]


def test_stems_in_an_input_folder_are_no_songs(library):
    """The output folder may be the input folder; what earlier commands made in it is not separated again."""
    for job in plan(library, out=library):
        make(job)
    items = plan(library, out=library)
    assert [item.song.name for item in items if isinstance(item, Job)] == ["01.wav", "01.wav", "02.mp3"]
    assert {item.reason for item in items if isinstance(item, Skipped)} == {"made by keras-sep", "hidden"}


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_where_upper_and_lower_case_are_one(library, tmp_path, monkeypatch, platform):
    (library / "b" / "01.wav").rename(library / "b" / "SONG.wav")
    (library / "a" / "01.wav").rename(library / "a" / "song.wav")
    assert len(plan(library / "a", library / "b", out=tmp_path / "out")) == 3
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(AudioError, match="would both be written"):
        plan(library / "a", library / "b", out=tmp_path / "out")


def test_standard_output_takes_one_stem_of_one_song(library):
    standard, one = Path("-"), {"mix": {"vocals": 0.0}}
    (job,) = plan(library / "a/01.wav", out=standard, mixes=one)
    assert [str(output.path) for output in job.outputs] == ["-"]
    with pytest.raises(AudioError, match=r"^-o -: expected one song, and one stem .* Received: 1 songs, 2 stems"):
        plan(library / "a/01.wav", out=standard)
    with pytest.raises(AudioError, match=r"^-o -: expected one song, and one stem .* Received: 3 songs, 1 stems"):
        plan(library, out=standard, mixes=one)


@needs_posix
def test_standard_input_is_a_song_of_no_file(tmp_path):
    (job,) = plan(Path("-"), out=tmp_path)
    assert targets([job], tmp_path) == {"-": ["stdin/vocals.wav", "stdin/accompaniment.wav"]}
    make(job)
    (job,) = plan(Path("-"), out=tmp_path)
    assert "is there already, made of standard input; --overwrite" in job.problem
