"""Streams that go on for hours: what is not finite passes, silence is silent, and the command sees what drifts."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pytest
import soundfile

import export.__main__ as cli
from export.verification import endurance
from keras_sep import AudioError, ModelFileError, Separator, StreamingSeparator, runtime
from keras_sep.runtime import StepModel
from tests.support.conversion import tflite_files
from tests.support.networks import SMALL_SPEC
from tests.support.paths import GOLDEN

STEP = SMALL_SPEC.frame_step
FRAME = SMALL_SPEC.frame_length
KINDS = [(graph, precision) for graph in ("mask", "waveform") for precision in ("float32", "dynamic_int8")]


@pytest.fixture(scope="module")
def files(converted):
    """Files of the small network, by graph and precision."""
    return {kind: converted / file["file"] for kind, file in tflite_files(converted).items()}


@pytest.fixture(params=KINDS, ids=" ".join)
def path(request, files):
    return files[request.param]


def push(separator: StreamingSeparator, x: np.ndarray) -> np.ndarray:
    return np.stack(list(separator.push(x).values()))


def frames(step: StepModel, count: int, seed: int = 3) -> np.ndarray:
    shape = (SMALL_SPEC.num_bins if step.graph == "mask" else STEP, SMALL_SPEC.num_channels)
    return np.abs(np.random.default_rng(seed).standard_normal((count, *shape))).astype(np.float32)


def run(step: StepModel, x: np.ndarray) -> np.ndarray:
    return np.stack([np.stack(step(one)) for one in x])


def spoil_input(step: StepModel, value: float) -> None:
    x = frames(step, 1)[0]
    x[5, 1] = value
    assert not np.any(step(x))


class Failing(StepModel):
    """A network that is not finite where its input is loud."""

    LOUD = 50.0

    def _run(self, frames, out):
        super()._run(frames, out)
        for frame, target in zip(frames, out[0].reshape(len(frames), *self._output_shape), strict=True):
            if np.abs(frame).max() > self.LOUD:
                target[3, 1] = np.nan


def spoil_state(step: StepModel, value: float) -> None:
    _, old = next(iter(step._carry.values()))
    old()[0, 3] = value
    assert not np.any(step(frames(step, 1)[0]))


# One step.


def test_what_a_step_has_heard_is_in_its_masks(path):
    """Otherwise what follows would say nothing: a new stream's differ, for longer than the transforms keep samples."""
    step, fresh = StepModel(path), StepModel(path)
    run(step, frames(step, 20, seed=1))
    x = frames(step, 12)
    differences = np.abs(run(step, x) - run(fresh, x))
    kept = FRAME // STEP + 1 if step.graph == "waveform" else 0
    assert differences[kept:].max() > 5e-4


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_after_a_bad_input_a_step_is_a_new_streams(path, value):
    step, fresh = StepModel(path), StepModel(path)
    run(step, frames(step, 20, seed=1))
    spoil_input(step, value)
    assert step.recoveries == 1
    x = frames(step, 30)
    np.testing.assert_array_equal(run(step, x), run(fresh, x))
    assert (step.recoveries, fresh.recoveries) == (1, 0)
    step.reset()
    assert step.recoveries == 1


# int8 makes numbers of a state that is NaN; float32 must see it.
@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_after_a_bad_state_a_step_is_a_new_streams(files, graph):
    step, fresh = StepModel(files[graph, "float32"]), StepModel(files[graph, "float32"])
    run(step, frames(step, 20, seed=1))
    spoil_state(step, np.nan)
    assert step.recoveries == 1
    x = frames(step, 30)
    np.testing.assert_array_equal(run(step, x), run(fresh, x))


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_without_the_guard_a_stream_is_lost(files, graph, monkeypatch):
    monkeypatch.setattr(runtime, "_power", lambda x: 0.0)
    step = StepModel(files[graph, "float32"])
    x = frames(step, 200)
    x[0, 5, 1] = np.nan
    assert not np.isfinite(run(step, x)[-1]).any()


@pytest.mark.parametrize("bad", [None, 0, 7, 19], ids=str)
@pytest.mark.parametrize("value", [np.nan, 1e30, 2 * Failing.LOUD], ids=["input", "too large", "output"])
@pytest.mark.filterwarnings("ignore:overflow")
def test_a_sequence_is_its_steps(path, bad, value):
    step, stepwise = Failing(path), Failing(path)
    for seed in (1, 2):  # the second goes on from the states that the first has left
        x = frames(step, 20, seed)
        if bad is not None:
            x[bad, 5, 1] = value
        expected = run(stepwise, x)
        out = [np.empty_like(expected[:, 0]) for _ in step.spec.sources]
        step.sequence(x, out)
        np.testing.assert_array_equal(np.stack(out, 1), expected)
    assert step.recoveries == stepwise.recoveries == (0 if bad is None else 2)
    assert all(np.array_equal(state, stepwise.states()[name]) for name, state in step.states().items())


def test_states_are_copies(path):
    step = StepModel(path)
    assert all(not state.any() for state in step.states().values())
    run(step, frames(step, 3))
    states = step.states()
    assert all(state.any() for state in states.values())
    for state in states.values():
        state[:] = np.nan
    run(step, frames(step, 3))  # which it would refuse, were views held
    assert step.recoveries == 0


# Streams of samples.


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 1e300])
def test_repair_puts_zeros_for_bad_samples_and_counts_them(path, music, value):
    x = music(0.2).astype(np.float64)
    muted = x.copy()
    x[1000:1100, 1] = muted[1000:1100, 1] = 0
    x[1000:1100, 1] = value
    separator, other = StreamingSeparator(model=path, repair=True), StreamingSeparator(model=path)
    blocks = [slice(i, i + 300) for i in range(0, len(x), 300)]
    for block in blocks:
        np.testing.assert_array_equal(push(separator, x[block]), push(other, muted[block]))
    assert (separator.repaired_samples, other.repaired_samples) == (100, 0)
    assert (separator.recoveries, other.recoveries) == (0, 0)
    separator.flush()
    assert separator.repaired_samples == 100
    with pytest.raises(AudioError, match="NaN, infinity or more than"):
        other.push(x)
    with pytest.raises(AudioError, match="floating-point"):  # a mistake, not a glitch
        separator.push(np.zeros((64, 2), np.int16))


def test_a_stream_goes_on_after_its_network_was_not_finite(path, music):
    separator, fresh = StreamingSeparator(model=path), StreamingSeparator(model=path)
    x = music(0.5)[: 300 * STEP]
    push(separator, x[: 100 * STEP])
    spoil_input(separator.step, np.nan)
    assert separator.recoveries == 1
    stems = push(separator, x[100 * STEP :])
    assert np.isfinite(stems).all()
    expected = push(fresh, x[100 * STEP :])
    settled = 4 * FRAME  # the mask engine's own buffers are untouched: they still hold what came before
    if separator.step.graph == "waveform":
        np.testing.assert_array_equal(stems[:, FRAME:], expected[:, FRAME:])
    else:
        assert np.abs(stems - expected)[:, settled:].max() < 0.1 * np.abs(expected).max()


def test_a_file_is_not_separated_by_a_network_that_is_not_finite(files, music, monkeypatch):
    monkeypatch.setattr("keras_sep.separator.StepModel", Failing)
    separator = Separator(model=files["mask", "float32"])
    song = music(0.2)
    separator.separate(song, 44100)
    song[4000] = 1000.0  # in as many frames as there are steps in a frame
    count = FRAME // STEP
    with pytest.raises(
        ModelFileError, match=rf"small-mask-float32\.tflite: the network was not finite at {count} steps"
    ):
        separator.separate(song, 44100)
    separator.separate(music(0.2), 44100)


def test_silence_in_gives_silence_out(path, music):
    separator = StreamingSeparator(model=path)
    assert np.abs(push(separator, music(0.5))).max() > 0.01
    after = push(separator, np.zeros((44100, 2), np.float32))
    assert after[:, : 2 * FRAME].any()  # the end of the music
    assert not after[:, 2 * FRAME :].any()


def test_the_smallest_numbers_are_silence_too(path, music):
    separator = StreamingSeparator(model=path)
    push(separator, music(0.2))
    stems = push(separator, np.full((20000, 2), 1e-40, np.float32))
    assert np.abs(stems[:, 2 * FRAME :]).max() < 1e-38
    assert separator.recoveries == 0


# The command.


@pytest.fixture
def short(monkeypatch, tmp_path, music):
    """Seconds for hours: a song of 1.5 s, whose stems are what the network cannot know."""
    for name, value in {"WARM_UP": 0.5, "COMPARED": 0.25, "SILENCE": 1.0, "ROW": 1.0}.items():
        monkeypatch.setattr(endurance, name, value)
    folder = tmp_path / "test" / "songs" / "song"
    folder.mkdir(parents=True)
    soundfile.write(folder / "vocals.wav", music(1.5), 44100)
    soundfile.write(folder / "accompaniment.wav", 0.5 * music(1.5)[::-1], 44100)
    return tmp_path


@pytest.mark.parametrize("kind", [("mask", "float32"), ("waveform", "dynamic_int8")], ids=" ".join)
def test_endure_passes_a_sound_file(files, short, capsys, kind):
    arguments = [str(files[kind]), "--data", str(short), "--hours", "0.0001", "--write", str(short / "endurance.md")]
    assert cli.main(["endure", *arguments]) == 0
    out = capsys.readouterr().out
    digest = hashlib.sha256(files[kind].read_bytes()).hexdigest()
    assert f"## {files[kind].name}\n\nSHA-256 {digest[:12]}…, 3 rounds of 2 s of music" in out
    lines = [line for line in out.splitlines() if line.startswith("| 0.00")]
    assert len(lines) == 3
    assert "\n".join(lines) in (short / "endurance.md").read_text()
    assert out.rstrip().endswith("Passed.")
    assert "1 steps undone; in silence a peak of 0." in out
    assert f"{44100 // STEP * STEP * 2} NaN samples repaired" in out


@pytest.mark.parametrize(("record", "expected"), [("nowhere/endurance.md", "a folder"), ("notes.md", "a document of")])
def test_a_record_that_cannot_be_written_is_refused_before_the_hours(files, short, capsys, record, expected):
    (short / "notes.md").write_text("# Notes\n\nMine.\n")
    arguments = [str(files["mask", "float32"]), "--hours", "24", "--write", str(short / record)]
    assert cli.main(["endure", *arguments]) == 1
    assert f"{short / record}: expected {expected}" in capsys.readouterr().err
    assert (short / "notes.md").read_text() == "# Notes\n\nMine.\n"


def test_the_record_keeps_what_other_files_have(files, short):
    record = short / "endurance.md"
    options = ["--data", str(short), "--hours", "0.0001", "--write", str(record)]
    one, other = files["waveform", "float32"], files["mask", "float32"]
    texts = []
    for path in (one, other, one):
        assert cli.main(["endure", str(path), *options]) == 0
        texts.append(record.read_text())
    section = texts[1][texts[1].index(f"## {other.name}") : texts[1].index(f"## {one.name}")]
    for text in texts[1:]:
        assert text.count("# Endurance\n") == 1
        assert text.count("Passed.") == text.count("\n## ") == 2
        assert section in text


class Broken(StreamingSeparator):
    """Of which every pushed block passes through `harm(stems, blocks so far)`."""

    pushed = 0

    def harm(self, stems):
        raise NotImplementedError

    def push(self, block):
        stems = super().push(block)
        self.pushed += 1
        return self.harm(stems)


class Fading(Broken):
    def harm(self, stems):
        return {source: stem * 0.9995**self.pushed for source, stem in stems.items()}


class Quieter(Broken):
    """In its last round."""

    def harm(self, stems):
        gain = np.float32(0.9 if self.pushed > 2800 else 1.0)
        return {source: stem * gain for source, stem in stems.items()}


class Noisy(Broken):
    def harm(self, stems):
        return {source: stem + np.float32(1e-5) for source, stem in stems.items()}


class Poisoned(Broken):
    def harm(self, stems):
        return {source: stem * (np.nan if self.pushed == 1500 else 1) for source, stem in stems.items()}


class Undone(Broken):
    def harm(self, stems):
        if self.pushed == 1500:
            spoil_input(self.step, np.nan)
        return stems


class Growing(StepModel):
    def states(self):
        self.calls = getattr(self, "calls", 0) + 1
        return {name: state + 3.0**self.calls for name, state in super().states().items()}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Fading, "expected an SNR to a fresh stream of at least 10 dB"),
        (Quieter, "expected an SDR of the last hour within 0.1 dB of the first one's"),
        (Noisy, "expected silence from silence. Received: a peak of 1e-05"),
        (Poisoned, "stems are not finite"),
        (Undone, "1 steps undone"),
    ],
)
def test_endure_fails_a_stream_that_does_not_last(files, short, monkeypatch, capsys, broken, message):
    monkeypatch.setattr(endurance, "StreamingSeparator", broken)
    assert cli.main(["endure", str(files["waveform", "float32"]), "--data", str(short), "--hours", "0.0001"]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("graph", ["mask", "waveform"])
def test_a_network_that_sees_mid_and_side_meets_the_ordeal(graph, monkeypatch):
    monkeypatch.setattr(endurance, "SILENCE", 1.0)
    separator = StreamingSeparator(model=GOLDEN / f"views-{graph}-float32.tflite", repair=True)
    peak, undone = endurance._ordeal(separator, endurance.Row())
    assert undone == 1
    assert np.isfinite(peak)


def test_endure_fails_a_state_that_grows(files, short, monkeypatch, capsys):
    monkeypatch.setattr("keras_sep.separator.StepModel", Growing)
    assert cli.main(["endure", str(files["mask", "float32"]), "--data", str(short), "--hours", "0.0001"]) == 1
    assert "expected a state_0 that stays within" in capsys.readouterr().err


def test_endure_fails_memory_that_grows(files, short, monkeypatch, capsys):
    memory = iter([100.0, 100.0, 117.0])
    monkeypatch.setattr(endurance, "resident_mb", lambda: next(memory))
    assert cli.main(["endure", str(files["mask", "float32"]), "--data", str(short), "--hours", "0.0001"]) == 1
    assert "expected memory that stays within 116 MB. Received: 117 MB" in capsys.readouterr().err


@pytest.mark.parametrize("row", [1.0, 20.0])  # a round of a row, and many
def test_what_the_first_round_did_not_need_yet_is_no_growth(files, short, monkeypatch, capsys, row):
    monkeypatch.setattr(endurance, "ROW", row)
    memory = itertools.chain([100.0], itertools.repeat(120.0))
    monkeypatch.setattr(endurance, "resident_mb", lambda: next(memory))
    assert cli.main(["endure", str(files["mask", "float32"]), "--data", str(short), "--hours", "0.01"]) == 0
    assert "| 0.01 |" in capsys.readouterr().out


def test_a_closed_row_keeps_no_times():
    row = endurance.Row(times_ms=[3.0, 1.0, 2.5, 9.0])
    row.close()
    assert (row.steps, row.median_ms, row.worst_ms, row.times_ms) == (4, 2.75, 9.0, [])


def test_endure_says_what_it_cannot_do(files, short, capsys, monkeypatch):
    file = str(files["mask", "float32"])
    for arguments, message in (
        ([file, "--hours", "0"], "--hours: expected a number more than 0. Received: 0"),
        ([str(short)], "expected .tflite files. Received: none in"),
        ([file, "--data", str(short / "test")], "expected test/songs/<song>/{vocals,accompaniment}"),
    ):
        assert cli.main(["endure", *arguments]) == 1
        assert message in capsys.readouterr().err

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(endurance, "_round", interrupt)
    assert cli.main(["endure", file, "--data", str(short)]) == 130
