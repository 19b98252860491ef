"""Command line `keras-sep`, a thin layer over the Python interface."""

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
from keras_sep.interrupts import ENDING_SIGNALS

if TYPE_CHECKING:
    from keras_sep.batch.plan import Request
    from keras_sep.batch.template import NameTemplate

T = TypeVar("T")


_FORMATS = ("wav", "wav16", "wav24", "flac", "ogg", "mp3", "m4a", "opus")
_FORMATS_HELP = "wav is 32-bit float, which never clips; flac is 24 bit, ogg is Vorbis, m4a is AAC (default: wav)"
_LONGEST_S = 1e9  # longer than any recording, and too short to overflow anything


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        argv: arguments; None for those of the process.

    Returns:
        Exit status: 0, or 1 after an error, or 130 after Ctrl-C.

    Raises:
        SystemExit: with status 2 for wrong arguments, and with 0 after `--help` and `--version`.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep.cli import main
        >>> main("separate --example -o stems --preset small --duration 1 --format flac --quiet".split())
        0
        >>> sorted(path.name for path in Path("stems/mixture").glob("*.flac"))
        ['accompaniment.flac', 'vocals.flac']
    """
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
        except OSError as error:  # mostly of standard output: a closed pipe (`| head`) or a full disk
            _discard_output()
            if _was_interrupted(error):
                return 128 + signal.SIGINT
            what = f"{error.filename}: " if error.filename else "cannot print: "
            return 1 if isinstance(error, BrokenPipeError) else _fail(f"{what}{error.strerror or error}")


def _was_interrupted(error: BaseException | None) -> bool:
    """Returns whether an error was raised while handling Ctrl-C, for example because the terminal is closed."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


def _discard_output() -> None:
    """Sends further output nowhere; otherwise Python would report the failing output again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Turns the first signal to end (Ctrl-C, SIGTERM, a closed terminal or console) into KeyboardInterrupt.

    Further ones are ignored, so that cleaning up is not interrupted. Signals that were ignored at the start stay
    ignored.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        handlers = {number: signal.getsignal(number) for number in ENDING_SIGNALS}
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
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _open_standard_streams() -> None:
    """Makes standard streams that are closed usable, and lets standard output print any file name."""
    # Otherwise the next file to be opened, perhaps an output, would get a closed stream's number, and our messages.
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 - open to the end
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Hides the messages that LiteRT and FFmpeg write to file descriptor 2; our own go to a copy of it."""
    ours = sys.stderr
    try:
        is_file_2 = ours.fileno() == 2
    except (OSError, ValueError):
        is_file_2 = False
    if not is_file_2:  # standard error has been replaced, for example by a test
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
        with contextlib.suppress(OSError):  # the terminal is closed
            sys.stderr.flush()
        sys.stderr = ours
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _Parser(argparse.ArgumentParser):
    """Argument parser whose errors are one line, as all errors of the command."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"keras-sep: error: {_one_line(message)} (see `{self.prog} --help`)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="keras-sep",
        description="Splits songs into the singing voice and the accompaniment (everything else). "
        "`keras-sep COMMAND --help` explains a command; to begin: keras-sep separate SONG.mp3 -o stems",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"keras-sep {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_separate(commands)
    _add_live(commands)

    web = commands.add_parser(
        "web",
        help="open a page that separates songs in the browser",
        description="Opens a page in the browser that separates files, the microphone or the sound of another tab. "
        "Everything is computed on this computer, and nothing is uploaded. The page is there until Ctrl-C.",
        allow_abbrev=False,
    )
    web.add_argument(
        "--port",
        type=_integer(0, 65535, "TCP port"),
        default=4410,
        metavar="N",
        help="TCP port of the page, 0 for any free one (default: 4410)",
    )
    web.add_argument("--no-browser", action="store_true", help="only print the address of the page")
    web.set_defaults(run=_web)

    desktop.add_command(commands)

    fetch = commands.add_parser(
        "fetch",
        help="get more files of a preset, for developers",
        description="Gets the files of a preset that are not installed, such as the Keras network for training and "
        "conversion, and keeps them in the user's cache folder. Their SHA-256 is checked.",
        allow_abbrev=False,
    )
    fetch.add_argument("preset", metavar="PRESET", help="name of the preset, see `keras-sep presets`")
    fetch.add_argument(
        "--from",
        dest="source",
        required=True,
        metavar="SOURCE",
        help="folder or URL that has the files, such as keras_sep/assets in a checkout",
    )
    fetch.set_defaults(run=_fetch)

    presets = commands.add_parser(
        "presets",
        help="list the presets, the models to choose from",
        description="Lists the presets with their sizes, latencies, licences and files.",
        allow_abbrev=False,
    )
    presets.add_argument("--json", action="store_true", help="print everything about them as JSON, for programs")
    presets.set_defaults(run=_presets)
    return parser


def _add_separate(commands: argparse._SubParsersAction[_Parser]) -> None:
    parser = commands.add_parser(
        "separate",
        help="split songs into voice and accompaniment",
        description="Writes two files (stems) for each song, OUTDIR/NAME/vocals.wav and OUTDIR/NAME/accompaniment.wav, "
        "which have the song's length, sample rate and channels and start at the same sample. "
        "A file .keras-sep.json in the same folder records what they were made from. The same command given again "
        "skips finished stems, so an interrupted one can simply be repeated. Existing stems that were made from "
        "another song or with other options are an error, unless --overwrite is given. "
        "Exit status: 0 if all stems are there, 1 if a song failed (one line says why), 2 for wrong options, 130 after "
        "Ctrl-C.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "inputs",
        nargs="*",
        metavar="INPUT",
        help="audio or film file (wav, flac, ogg, mp3, m4a, opus, mp4, webm and more); a folder, for all songs in it "
        "and in its subfolders; - for standard input",
    )
    parser.add_argument(
        "--example", action="store_true", help="also separate the example song that comes with keras-sep"
    )
    parser.add_argument(
        "-o",
        "--out",
        required=True,
        metavar="OUTDIR",
        help="folder for the stems; - for standard output (one song and one stem, or --mix)",
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument("--preset", help="name of a model; `keras-sep presets` lists them and marks the default")
    model.add_argument("--model", type=Path, metavar="FILE.tflite", help="your own model file, instead of a preset")

    songs = parser.add_argument_group("songs")
    songs.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PATTERN",
        help="from folders, take only files whose names match, such as '*.flac'; a pattern with a /, such as 'live/*', "
        "is compared with the path below the folder; can be repeated (default: all audio and film files)",
    )
    songs.add_argument(
        "--start", type=_seconds, default=0.0, metavar="TIME", help="where to begin: seconds, m:s or h:m:s (default: 0)"
    )
    songs.add_argument(
        "--duration",
        type=_positive_seconds,
        metavar="TIME",
        help="length to separate: seconds, m:s or h:m:s (default: to the end)",
    )
    songs.add_argument(
        "--strict",
        action="store_true",
        help="refuse damaged files; without it their intact parts are separated, and a warning says what is missing",
    )

    outputs = parser.add_argument_group("outputs")
    what = outputs.add_mutually_exclusive_group()
    what.add_argument(
        "--stems",
        type=_names,
        metavar="NAMES",
        help="stems to write, separated by commas (default: vocals,accompaniment)",
    )
    what.add_argument(
        "--mix", action="store_true", help="instead of stems, write one mix of them, with the gains below: karaoke"
    )
    outputs.add_argument(
        "--gain-vocals",
        type=_decibels,
        metavar="DB",
        help="gain of the voice in the mix, -60 (silence) to 20 dB (default: 0)",
    )
    outputs.add_argument(
        "--gain-accompaniment",
        type=_decibels,
        metavar="DB",
        help="gain of the accompaniment in the mix, -60 (silence) to 20 dB (default: 0)",
    )
    outputs.add_argument(
        "--name",
        type=_template,
        default=None,
        metavar="TEMPLATE",
        help="path of each output below OUTDIR, without suffix, such as '{stem}/{name}'. {name} is the song's file "
        "name without suffix, for songs in an input folder with the subfolders; {stem} is vocals, accompaniment or "
        "mix; {preset} is the model; {suffix} is the song's suffix, such as mp3 (default: {name}/{stem})",
    )
    outputs.add_argument("--format", choices=_FORMATS, default="wav", help=f"format of the outputs; {_FORMATS_HELP}")
    outputs.add_argument(
        "--bitrate",
        type=_integer(1, 10000, "number of kbit/s"),
        metavar="KBIT/S",
        help="for mp3 32 to 320 (default: 320), m4a 32 to 512 (256), opus 16 to 510 (192), mono to 256",
    )
    outputs.add_argument(
        "--clip-mode",
        choices=("warn", "rescale", "clamp"),
        default="warn",
        help="what to do with samples that are too loud for the format (only wav stores them all): clip them and warn "
        "(warn, the default), make all stems of the song quieter by one gain instead (rescale), or clip them silently "
        "(clamp)",
    )
    outputs.add_argument("--overwrite", action="store_true", help="replace existing outputs")

    parser.add_argument(
        "--dry-run", action="store_true", help="only print what would be made, and what is left out and why"
    )
    parser.add_argument(
        "--jobs",
        type=_integer(1, 1000, "number of songs"),
        metavar="N",
        help="number of songs to separate at the same time, 1 to 1000 (default: one per processor core)",
    )
    parser.add_argument(
        "--quiet", action="store_true", help="show neither a progress bar nor the outputs, only warnings and errors"
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="separate on all machines of a Ray cluster: HOST:PORT, auto for the one that this machine is in, or local "
        "for this machine alone. Inputs may then be lists (txt, csv, parquet), and inputs and OUTDIR URIs such as "
        "s3://bucket/folder; OUTDIR/manifest.parquet says what was made. Needs the extra `cluster`",
    )
    parser.set_defaults(run=_separate, usage_error=parser.error)


def _add_live(commands: argparse._SubParsersAction[_Parser]) -> None:
    live = commands.add_parser(
        "live",
        help="change the gains of voice and accompaniment live, of an input or a song",
        description="Takes sound from an input device (a microphone, a line input, or the monitor of an output) or "
        "from a file, separates it, and plays the voice and the accompaniment, each with its gain, on an output "
        "device. Keys: up and down arrows change the voice by 1 dB, right and left arrows the accompaniment; v and a "
        "mute and unmute them; space switches to the original and back; 0 sets both gains to 0 dB; q quits. "
        "Exit status: 0 at the end of the file, after --duration and after q, 130 after Ctrl-C; a recording is "
        'complete in any case. Needs: pip install "keras-sep[live]"; in a checkout ".[live]".',
        allow_abbrev=False,
    )
    live.add_argument("--list-devices", action="store_true", help="list the sound devices and exit")
    source = live.add_mutually_exclusive_group()
    source.add_argument(
        "--input-device",
        metavar="DEVICE",
        help="number of the device, or a part of its name that no other device has (default: the system's)",
    )
    source.add_argument("--file", type=Path, metavar="SONG", help="play this file instead of an input device")
    live.add_argument("--loop", action="store_true", help="repeat the file until you quit")
    live.add_argument(
        "--output-device",
        metavar="DEVICE",
        help="number of the device, or a part of its name that no other device has (default: the system's)",
    )
    live.add_argument(
        "--vocals",
        type=_decibels,
        default=0.0,
        metavar="DB",
        help="gain of the voice, -60 (silence) to 20 dB (default: 0)",
    )
    live.add_argument(
        "--accompaniment",
        type=_decibels,
        default=0.0,
        metavar="DB",
        help="gain of the accompaniment, -60 (silence) to 20 dB (default: 0)",
    )
    live.add_argument(
        "--duration",
        type=_positive_seconds,
        metavar="TIME",
        help="how long to play: seconds, m:s or h:m:s (default: to the end)",
    )
    live.add_argument(
        "--record", type=Path, metavar="DIR", help="also record voice, accompaniment and original into this folder"
    )
    live.add_argument("--format", choices=_FORMATS, help=f"format of the recording; {_FORMATS_HELP}")
    live.add_argument("--overwrite", action="store_true", help="replace an existing recording")
    live.add_argument(
        "--buffer",
        type=_number_between(0, 2000, "milliseconds"),
        metavar="MS",
        help="playback buffer, 0 to 2000 ms: a larger one prevents gaps, a smaller one lowers the latency (default: "
        "30, with --file 200)",
    )
    live.add_argument(
        "--block-size",
        type=_number_between(0, 16384, "samples"),
        metavar="N",
        help="samples that the device processes at a time, up to 16384; 0 for the system's choice (default: 512, which "
        "is 11.6 ms)",
    )
    live.add_argument(
        "--sample-rate",
        type=_number_between(8000, 192000, "Hz"),
        metavar="HZ",
        help="sample rate of the devices, 8000 to 192000 Hz (default: the model's 44100, or where a device cannot, the "
        "one it prefers)",
    )
    model = live.add_mutually_exclusive_group()
    model.add_argument("--preset", help="name of a model; `keras-sep presets` lists them and marks the default")
    model.add_argument("--model", type=Path, metavar="FILE.tflite", help="your own model file, instead of a preset")
    live.add_argument("--quiet", action="store_true", help="show no meters, figures or recorded files")
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
    format.require(format.highest_rate, min(2, format.most_channels), args.bitrate, "--bitrate")
    preset = args.preset or DEFAULT_PRESET
    separator = _open(lambda: Separator(preset, model=args.model))  # fails here, before any input is touched
    request = Request(
        inputs=inputs,
        out=out,
        mixes=_mixes(args, separator.spec.sources),
        model=separator.metadata["sha256"],
        model_name=args.model.stem if args.model else FORMER_NAMES.get(preset, preset),
        options=FileOptions(args.format, args.bitrate, args.clip_mode, args.start, args.duration, args.strict),
        template=args.name or NameTemplate(DEFAULT),
        include=args.include,
        overwrite=args.overwrite,
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
    """Opens a model, and prints its warnings."""
    with warnings.catch_warnings(record=True) as said:
        separator = make()
    for warning in said:
        _complain(f"warning: {_one_line(str(warning.message))}")
    return separator


def _mixes(args: argparse.Namespace, sources: Sequence[str]) -> dict[str, dict[str, float]]:
    """Returns the factor of each source in each output, by the output's name."""
    from keras_sep.live.mixer import to_gain

    gains = {source: getattr(args, f"gain_{source}", None) for source in sources}
    if args.mix:
        return {"mix": {source: to_gain(db or 0.0) for source, db in gains.items()}}
    for source, db in gains.items():
        if db is not None:
            raise AudioError(f"--gain-{source}: expected --mix, whose gain it is. Received: separate stems")
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
    if (args.format or args.overwrite) and not args.record:
        raise AudioError("--format, --overwrite: expected a --record to write. Received: none")
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
    gains_db = {source: getattr(args, source, 0.0) for source in spec.sources}
    source = FileSource(args.file, spec.num_channels, loop=args.loop) if args.file else None
    with contextlib.ExitStack() as stack:
        recorder = (
            Recorder(args.record, spec, format=args.format or "wav", overwrite=args.overwrite) if args.record else None
        )
        recorded: list[Path] = []
        if recorder:
            stack.callback(lambda: recorded.extend(recorder.close()))
        terminal = Terminal(stack.enter_context(Keys()), quiet=args.quiet)
        terminal.explain_keys()
        session = LiveSession(
            separator,
            sound_card,
            Mixer(spec.sample_rate, gains_db),
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
            _ignore_ending_signals()  # the recording is put in place, whatever has ended the session
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
    with contextlib.suppress(OSError):  # the terminal is closed
        print(f"keras-sep: {line}", file=sys.stderr)


def _one_line(message: Exception | str) -> str:
    """Joins the lines of a message: file names may contain line breaks."""
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
    """Converts "90", "1:30" or "0:01:30.0" to seconds."""
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
