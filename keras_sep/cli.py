"""The `keras-sep` command: a thin layer over keras_sep's Python interface."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from keras_sep import desktop
from keras_sep._version import __version__
from keras_sep.errors import AudioError, DesktopError, ModelFileError, PageError

if TYPE_CHECKING:
    from keras_sep.batch.plan import Request
    from keras_sep.batch.template import NameTemplate

T = TypeVar("T")


_FORMATS = ("wav", "wav16", "wav24", "flac", "ogg", "mp3", "m4a", "opus")
_FORMATS_HELP = "wav is 32-bit float, which never clips; flac 24 bit, ogg Vorbis, m4a AAC (default: wav)"
# SIGHUP: the terminal, or the connection to it, is closed; SIGBREAK: Windows' Ctrl-Break, or its console is closed.
_ENDING_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)
]
_LONGEST_S = 1e9  # no recording is longer, and nothing overflows


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status (0, 1 for a failed input, 2 for usage, 130 for Ctrl-C)."""
    _open_standard_streams()
    args = _parser().parse_args(argv)
    with _ending_signals(), _quiet_libraries():
        try:
            status = args.run(args)
            sys.stdout.flush()
            return status
        except (AudioError, DesktopError, ModelFileError, PageError) as error:
            return _fail(error)
        except KeyboardInterrupt:
            _complain("interrupted")
            try:
                sys.stdout.flush()
            except OSError:
                _discard_output()
            return 128 + signal.SIGINT
        except OSError as error:  # mostly standard output: a closed pipe (`| head`) or a full disk
            _discard_output()
            if _was_interrupted(error):
                return 128 + signal.SIGINT
            what = f"{error.filename}: " if error.filename else "cannot print: "
            return 1 if isinstance(error, BrokenPipeError) else _fail(f"{what}{error.strerror or error}")


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether it is an error of the end that Ctrl-C has begun, in a terminal that has gone for one."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _discard_output() -> None:
    """Python would complain once more at exit of what cannot be printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Turns Ctrl-C, an end, and a terminal or console that is closed into KeyboardInterrupt, once.

    Others that come while things are put in order are ignored, as all of those are that were when we were started.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in _ENDING_SIGNALS}
        before = {number: old for number, old in handlers.items() if old not in (signal.SIG_IGN, None)}

    def interrupt(*_: object) -> None:
        _ignore_ending_signals()
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_ending_signals() -> None:
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _open_standard_streams() -> None:
    """Sees to it that there is something to print to, which takes any file name."""
    # Where one is closed, the next file to be opened, an output maybe, would get its number and our messages.
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - open to the end
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keeps LiteRT's and FFmpeg's chatter off the terminal: they write to file 2, we to what it was."""
    ours = sys.stderr
    try:
        is_file_2 = ours.fileno() == 2
    except (OSError, ValueError):
        is_file_2 = False
    if not is_file_2:  # somebody has put something else there, a test for one
        yield
        return
    ours.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        sys.stderr = os.fdopen(kept, "w", buffering=1, encoding=ours.encoding, errors=ours.errors, closefd=False)
        os.dup2(nowhere, 2)
        yield
    finally:
        with contextlib.suppress(OSError):  # the terminal has gone
            sys.stderr.flush()
        sys.stderr = ours
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as everything here does."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"keras-sep: error: {_one_line(message)} (see `{self.prog} --help`)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keras-sep", description="Separate the singing voice and the accompaniment of songs.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"keras-sep {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_separate(commands)
    _add_live(commands)

    web = commands.add_parser(
        "web",
        help="open the page that separates in the browser",
        description="Serves the page on localhost, to this computer alone, until Ctrl-C. The browser separates files, "
        "the microphone or another tab; nothing is uploaded.",
        allow_abbrev=False,
    )
    web.add_argument(
        "--port",
        type=_integer(0, 65535, "TCP port"),
        default=4410,
        metavar="N",
        help="TCP port, 0 for any that is free (default: 4410)",
    )
    web.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    web.set_defaults(run=_web)

    desktop.add_command(commands)

    fetch = commands.add_parser(
        "fetch",
        help="get files of a preset that are not installed",
        description="Copies what the installation does not carry, a preset's float Keras network and other precisions, "
        "into the user's cache, after a check of its SHA-256.",
        allow_abbrev=False,
    )
    fetch.add_argument("preset", metavar="PRESET", help="its name, see `keras-sep presets`")
    fetch.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="SOURCE",
        help="folder or URL with the files, such as a checkout's keras_sep/assets",
    )
    fetch.set_defaults(run=_fetch)

    presets = commands.add_parser("presets", help="list the shipped models", allow_abbrev=False)
    presets.add_argument("--json", action="store_true", help="everything about them, for programs")
    presets.set_defaults(run=_presets)
    return parser


def _add_separate(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "separate",
        help="split songs into stems",
        description="Writes OUTDIR/NAME/vocals.wav and accompaniment.wav for each song, aligned to it to the sample, "
        "with its length, sample rate and channels, and beside them .keras-sep.json, which says what they were made "
        "of. Stems that are there, made of the same, are skipped, so an interrupted command can be given again; those "
        "made of something else stay, which is an error, unless --overwrite is given. Ends with status 0 if all stems "
        "are there, 1 if not, with a line for each song that failed, 2 for wrong usage, 130 by Ctrl-C.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="wav, flac, ogg, mp3, m4a, opus, mp4, webm and more; a folder, for all songs in it and below it; "
        "- for standard input",
    )
    parser.add_argument("--example", action="store_true", help="separate the song that comes with the package, too")
    parser.add_argument(
        "-o", "--out", required=True, metavar="OUTDIR", help="folder for the stems; - for standard output"
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--preset", help="shipped model, see `keras-sep presets` (default: the first of them)")
    model.add_argument("--model", type=Path, metavar="FILE.tflite", help="a model file of your own")

    songs = parser.add_argument_group("songs")
    songs.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="of folders, only files of such a name, as '*.flac' or 'live/*'; with a / it is compared with the path "
        "below the folder; * also stands for /; can be repeated (default: every suffix of sound and film)",
    )
    songs.add_argument(
        "--start", type=_seconds, default=0.0, metavar="TIME", help="where to begin: seconds, m:s or h:m:s (default: 0)"
    )
    songs.add_argument(
        "--duration",
        type=_positive_seconds,
        metavar="TIME",
        help="how much to separate, likewise (default: to the end)",
    )
    songs.add_argument(
        "--strict",
        action="store_true",
        help="refuse a damaged file; otherwise what is there is separated, with a warning that says what is missing",
    )

    outputs = parser.add_argument_group("outputs")
    what = outputs.add_mutually_exclusive_group()
    what.add_argument("--stems", type=_names, metavar="NAMES", help="comma-separated (default: vocals,accompaniment)")
    what.add_argument("--mix", action="store_true", help="one file, mix, of all stems, each with its gain")
    outputs.add_argument(
        "--gain-vocals", type=_decibels, metavar="DB", help="of the voice in --mix, -60 (silence) to 20 dB (default: 0)"
    )
    outputs.add_argument("--gain-accompaniment", type=_decibels, metavar="DB", help="likewise")
    outputs.add_argument(
        "--name",
        type=_template,
        default=None,
        metavar="TEMPLATE",
        help="path of each output below OUTDIR, without the suffix of its format, as '{stem}/{name}'. Fields: {name}, "
        "the song's name without suffix, in an input folder with its folders below that; {stem}; {preset}; {suffix}, "
        "the song's (default: {name}/{stem})",
    )
    outputs.add_argument("--format", choices=_FORMATS, default="wav", help=_FORMATS_HELP)
    outputs.add_argument(
        "--bitrate",
        type=_integer(1, 10000, "number of kbit/s"),
        metavar="KBIT/S",
        help="mp3 32 to 320 (default: 320), m4a 32 to 512 (256), opus 16 to 510 (192)",
    )
    outputs.add_argument(
        "--clip-mode",
        choices=("warn", "rescale", "clamp"),
        default="warn",
        help="samples beyond full scale, which only the format wav holds: clip them and say so (warn, the default), "
        "make all stems of the song less loud by one gain (rescale), or clip them (clamp)",
    )
    outputs.add_argument("--overwrite", action="store_true", help="replace outputs that are already there")

    parser.add_argument("--dry-run", action="store_true", help="print what would be made, and what is skipped and why")
    parser.add_argument(
        "--jobs",
        type=_integer(1, 1000, "number of songs"),
        metavar="N",
        help="songs at the same time, 1 to 1000, each in a process of its own (default: as many as there are cores)",
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="separate on all machines of a Ray cluster: HOST:PORT, auto for the one that this machine is in, or local "
        "for this machine alone. Inputs may then be lists (txt, csv, parquet), and inputs and OUTDIR URIs such as "
        "s3://bucket/folder; OUTDIR/manifest.parquet says what was made. Needs the extra `cluster`",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar, no list of outputs")
    parser.set_defaults(run=_separate, usage_error=parser.error)


def _add_live(commands: argparse._SubParsersAction[_Parser]) -> None:
    live = commands.add_parser(
        "live",
        help="separate what a sound card hears, as it hears it",
        description="Takes sound from an input device (microphone, line-in, the monitor of an output) or a file, and "
        "plays its voice and accompaniment, each at its level, on an output device. Keys while it runs: up and down "
        "arrows change the voice by 1 dB, right and left the accompaniment; v and a mute; space lets the original "
        "through; 0 sets both to 0 dB; q quits. Ends with status 0 at the end of the file, after --duration and by q, "
        "with 130 by Ctrl-C; the recording is complete either way. Needs the extra `live`.",
        allow_abbrev=False,
    )
    live.add_argument("--list-devices", action="store_true", help="print the devices and exit")
    source = live.add_mutually_exclusive_group()
    source.add_argument("--input-device", metavar="DEVICE", help="number, or a part of the name that only one has")
    source.add_argument("--file", type=Path, metavar="SONG", help="play a file instead of an input device")
    live.add_argument("--loop", action="store_true", help="play --file again and again")
    live.add_argument("--output-device", metavar="DEVICE", help="as above (default for both: the system's)")
    live.add_argument(
        "--vocals", type=_decibels, default=0.0, metavar="DB", help="level, -60 (silence) to 20 dB (default: 0)"
    )
    live.add_argument("--accompaniment", type=_decibels, default=0.0, metavar="DB", help="likewise")
    live.add_argument(
        "--duration", type=_positive_seconds, metavar="TIME", help="seconds, m:s or h:m:s (default: to the end)"
    )
    live.add_argument(
        "--record", type=Path, metavar="DIR", help="also write vocals, accompaniment and mixture to this folder"
    )
    live.add_argument("--format", choices=_FORMATS, default="wav", help=f"of --record; {_FORMATS_HELP}")
    live.add_argument("--overwrite", action="store_true", help="replace recordings that are already there")
    live.add_argument(
        "--buffer",
        type=_number_between(0, 2000, "milliseconds"),
        metavar="MS",
        help="audio kept ready against late steps, in the device as well, 0 to 2000 ms (default: 30, of a file 200)",
    )
    live.add_argument(
        "--block-size",
        type=_number_between(0, 16384, "samples"),
        metavar="N",
        help="samples the device hands over at a time, 0 (what the system likes) to 16384 (default: 512, 11.6 ms)",
    )
    live.add_argument(
        "--sample-rate",
        type=_number_between(8000, 192000, "Hz"),
        metavar="HZ",
        help="of the devices, 8000 to 192000 (default: the model's, 44100, where they can)",
    )
    model = live.add_mutually_exclusive_group()
    model.add_argument("--preset", help="shipped model, see `keras-sep presets` (default: the first of them)")
    model.add_argument("--model", type=Path, metavar="FILE.tflite", help="a model file of your own")
    live.add_argument("--quiet", action="store_true", help="neither meters nor figures nor a list of recordings")
    live.set_defaults(run=_live)


def _separate(args: argparse.Namespace) -> int:
    from keras_sep.audio import FORMATS
    from keras_sep.batch.plan import STANDARD, Request, make_plan
    from keras_sep.batch.records import Records
    from keras_sep.batch.run import print_plan, run_plan
    from keras_sep.batch.template import DEFAULT, NameTemplate
    from keras_sep.outputs import FileOptions
    from keras_sep.presets import DEFAULT_PRESET, FORMER_NAMES
    from keras_sep.separator import Separator
    from keras_sep.store import example

    if args.example:
        args.inputs.append(str(example() / "mixture.flac"))
    if not args.inputs:
        args.usage_error("expected an INPUT, or --example. Received: none")
    inputs, out = [Path(text) for text in args.inputs], Path(args.out)
    if STANDARD in inputs and len(inputs) > 1:
        raise AudioError(f"-: expected standard input alone. Received: {len(inputs)} inputs")
    if args.cluster and STANDARD in (out, *inputs):
        raise AudioError("--cluster: expected files and folders. Received: -")
    format = FORMATS[args.format]
    format.require(format.highest_rate, 1, args.bitrate, "--bitrate")
    preset = args.preset or DEFAULT_PRESET
    separator = _open(lambda: Separator(preset, model=args.model))  # fails here, before any input is touched
    request = Request(
        inputs=inputs,
        out=out,
        mixes=_mixes(args, separator.spec.sources),
        template=args.name or NameTemplate(DEFAULT),
        suffix=format.suffix,
        options=FileOptions(args.format, args.bitrate, args.clip_mode, args.start, args.duration, args.strict),
        include=args.include,
        overwrite=args.overwrite,
        model=separator.metadata["sha256"],
        model_name=args.model.stem if args.model else FORMER_NAMES.get(preset, preset),
    )
    if args.cluster:
        return _separate_catalogue(args, request, separator.model.read_bytes())
    records = Records()
    plan = make_plan(request, records)
    if args.dry_run:
        return print_plan(plan)
    return run_plan(plan, separator, records, args.jobs, args.quiet)


def _separate_catalogue(args: argparse.Namespace, request: Request, model: bytes) -> int:
    try:
        from keras_sep.cluster.separate import separate_catalogue
    except ImportError as error:
        raise AudioError('--cluster needs Ray: pip install "keras-sep[cluster]"') from error

    return separate_catalogue(
        args.inputs,
        args.out,
        request,
        model,
        cluster=args.cluster,
        num_workers=args.jobs,
        dry_run=args.dry_run,
        quiet=args.quiet,
        say=lambda kind, line: _complain(f"{kind}: {_one_line(line)}" if kind else line),
    )


def _open(make: Callable[[], T]) -> T:
    """Opens a model, and prints the warnings about it."""
    with warnings.catch_warnings(record=True) as said:
        separator = make()
    for warning in said:
        _complain(f"warning: {_one_line(str(warning.message))}")
    return separator


def _mixes(args: argparse.Namespace, sources: Sequence[str]) -> dict[str, dict[str, float]]:
    """The gains of the sources in each output."""
    from keras_sep.live.mixer import to_gain

    gains = {source: getattr(args, f"gain_{source}", None) for source in sources}
    if args.mix:
        return {"mix": {source: to_gain(db or 0.0) for source, db in gains.items()}}
    for source, db in gains.items():
        if db is not None:
            raise AudioError(f"--gain-{source}: expected --mix, whose part it is. Received: separate stems")
    for stem in args.stems or ():
        if stem not in sources:
            raise AudioError(f"--stems: expected some of {', '.join(sources)}. Received: {stem!r}")
    return {stem: {stem: 1.0} for stem in args.stems or sources}


def _live(args: argparse.Namespace) -> int:
    from keras_sep.live.sound_card import SoundCard

    if str(args.file) == "-":
        raise AudioError("--file: expected a file. Received: standard input")
    if args.loop and not args.file:
        raise AudioError("--loop: expected a --file to repeat. Received: none")
    sound_card = SoundCard()
    if args.list_devices:
        for device in sound_card.devices():
            default = " (default input)" * device.is_default_input + " (default output)" * device.is_default_output
            print(
                f"{device.index}: {device.label}: {device.num_inputs} in, {device.num_outputs} out, "
                f"{device.sample_rate:.0f} Hz{default}"
            )
        return 0

    from keras_sep.live.file_source import FileSource
    from keras_sep.live.mixer import Mixer
    from keras_sep.live.recorder import Recorder
    from keras_sep.live.session import DEFAULT_BLOCK_SIZE, LiveSession
    from keras_sep.live.terminal import Keys, Terminal, summary
    from keras_sep.presets import DEFAULT_PRESET
    from keras_sep.separator import StreamingSeparator

    separator = _open(lambda: StreamingSeparator(args.preset or DEFAULT_PRESET, model=args.model, repair=True))
    spec = separator.spec
    levels = {source: getattr(args, source, 0.0) for source in spec.sources}
    source = FileSource(args.file, spec.num_channels, loop=args.loop) if args.file else None
    with contextlib.ExitStack() as stack:
        recorder = Recorder(args.record, spec, format=args.format, overwrite=args.overwrite) if args.record else None
        recorded: list[Path] = []
        if recorder:
            stack.callback(lambda: recorded.extend(recorder.close()))
        terminal = Terminal(stack.enter_context(Keys()), quiet=args.quiet)
        session = LiveSession(
            separator,
            sound_card,
            Mixer(spec.sample_rate, levels),
            source=source,
            input_device=args.input_device,
            output_device=args.output_device,
            sample_rate=int(args.sample_rate) if args.sample_rate else None,
            block_size=DEFAULT_BLOCK_SIZE if args.block_size is None else int(args.block_size),
            buffer_ms=args.buffer,
            duration=args.duration,
            recorder=recorder,
            notify=terminal.say,
        )
        try:
            session.run(lambda: terminal.tick(session))
        finally:
            _ignore_ending_signals()  # whatever ended it: the recording is put in place
            terminal.clear()
            if not args.quiet and session.stats().mean_load:
                terminal.say(summary(session.stats()))
            for warning in source.warnings if source else ():
                terminal.say(f"warning: {_one_line(warning)}")
            stack.close()
            if not args.quiet:
                for path in recorded:
                    print(path)
    return 0


def _web(args: argparse.Namespace) -> int:
    from keras_sep.web import serve

    serve(args.port, open_browser=not args.no_browser)
    return 0


def _presets(args: argparse.Namespace) -> int:
    import dataclasses

    from keras_sep.presets import DEFAULT_PRESET, presets

    if args.json:
        print(json.dumps({name: dataclasses.asdict(preset) for name, preset in presets().items()}, indent=1))
        return 0
    for name, preset in presets().items():
        default = " (default)" if name == DEFAULT_PRESET else ""
        print(f"{name}{default}: {preset.description}")
        print(
            f"    {preset.parameters / 1e6:.2f} M parameters, {preset.spec.sample_rate} Hz, "
            f"{preset.spec.algorithmic_latency_ms:.1f} ms latency, licence {preset.licence}"
        )
        for file in preset.files:
            print(f"    {file.graph:8} {file.precision:12} {file.bytes / 1e6:5.2f} MB  {_place(file.path)}")
        if preset.network:
            size = preset.network["bytes"] / 1e6
            print(f"    {'network':8} {'Keras':12} {size:5.2f} MB  {_place(preset.network_path)}")
    return 0


def _place(path: Callable[[], Path]) -> str:
    try:
        return str(path())
    except ModelFileError:
        return "not installed, see `keras-sep fetch`"


def _fetch(args: argparse.Namespace) -> int:
    from keras_sep import store
    from keras_sep.presets import get_preset

    preset = get_preset(args.preset)
    files = [(file.file, file.sha256) for file in preset.files]
    if preset.network:
        files.append((preset.network["file"], preset.network["sha256"]))
    for name, sha256 in files:
        print(store.fetch(name, sha256, args.source))
    return 0


def _fail(error: Exception | str) -> int:
    _complain(f"error: {_one_line(error)}")
    return 1


def _complain(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal has gone
        print(f"keras-sep: {line}", file=sys.stderr)


def _one_line(message: Exception | str) -> str:
    """A file's name may hold a line break."""
    return " ".join(str(message).splitlines())


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected names separated by commas. Received: {text!r}")
    return list(dict.fromkeys(names))


def _template(text: str) -> NameTemplate:
    from keras_sep.batch.template import NameTemplate

    try:
        return NameTemplate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    """Seconds of "90", "1:30" or "0:01:30.0"."""
    match = re.fullmatch(r"(?:(?:([0-9]+):)?([0-9]+):)?([0-9]+\.?[0-9]*|\.[0-9]+)", text)
    if match:
        hours, minutes, seconds = (float(number or 0) for number in match.groups())
        value = 3600 * hours + 60 * minutes + seconds
        if (match[1] is None or minutes < 60) and (match[2] is None or seconds < 60) and value <= _LONGEST_S:
            return value
    raise argparse.ArgumentTypeError(
        f"expected seconds, m:s or h:m:s, up to {_LONGEST_S:g} seconds. Received: {text!r}"
    )


def _positive_seconds(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise argparse.ArgumentTypeError(f"expected a time of more than 0 seconds. Received: {text!r}")
    return value


def _decibels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value <= 20.0:
        raise argparse.ArgumentTypeError(f"expected dB, at most 20, -60 or less for silence. Received: {text!r}")
    return max(-60.0, value)


def _number_between(least: float, most: float, unit: str) -> Callable[[str], float]:
    def number(text: str) -> float:
        with contextlib.suppress(ValueError):
            value = float(text)
            if least <= value <= most:
                return value
        raise argparse.ArgumentTypeError(f"expected {least:g} to {most:g} {unit}. Received: {text!r}")

    return number


def _integer(least: int, most: int, what: str) -> Callable[[str], int]:
    def number(text: str) -> int:
        if re.fullmatch("[0-9]{1,9}", text) and least <= int(text) <= most:
            return int(text)
        raise argparse.ArgumentTypeError(f"expected a {what}, {least} to {most}. Received: {text!r}")

    return number


if __name__ == "__main__":
    sys.exit(main())
