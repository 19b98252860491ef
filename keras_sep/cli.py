"""The `keras-sep` command: a thin layer over keras_sep's Python interface."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from keras_sep import desktop
from keras_sep._version import __version__
from keras_sep.errors import AudioError, DesktopError, ModelFileError, PageError


class _Stopped(Exception):
    """Raised inside a separation that the user has interrupted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit status (0, 1 for a failed input, 2 for usage, 130 for Ctrl-C)."""
    _open_standard_streams()
    args = _parser().parse_args(argv)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave nothing half-written behind either way
    with _quiet_libraries():
        try:
            status = args.run(args)
            sys.stdout.flush()
            return status
        except (AudioError, DesktopError, ModelFileError, PageError) as error:
            return _fail(error)
        except KeyboardInterrupt:
            print("keras-sep: interrupted", file=sys.stderr)
            return 128 + signal.SIGINT
        except OSError as error:  # mostly standard output: a closed pipe (`| head`) or a full disk
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains of it once more at exit
            what = f"{error.filename}: " if error.filename else "cannot print: "
            return 1 if isinstance(error, BrokenPipeError) else _fail(f"{what}{error.strerror or error}")


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
    """Keeps LiteRT's and libmpg123's chatter off the terminal: they write to file 2, we to what it was."""
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

    separate = commands.add_parser(
        "separate",
        help="split songs into stems",
        description="Writes OUTDIR/<input name>/vocals.wav and accompaniment.wav for each input, aligned to the input "
        "to the sample, with its length, sample rate and channels. Stems that are already there are skipped, so an "
        "interrupted command can be given again.",
        allow_abbrev=False,
    )
    separate.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="wav, flac, ogg, mp3; with ffmpeg also m4a, mp4, webm"
    )
    separate.add_argument("-o", "--out", type=Path, required=True, metavar="OUTDIR", help="folder for the stems")
    model = separate.add_mutually_exclusive_group()
    model.add_argument("--preset", help="shipped model, see `keras-sep presets` (default: the first of them)")
    model.add_argument("--model", type=Path, metavar="FILE.tflite", help="a model file of your own")
    separate.add_argument(
        "--stems", type=_names, metavar="NAMES", help="comma-separated (default: vocals,accompaniment)"
    )
    separate.add_argument(
        "--format", choices=("wav", "flac", "ogg"), default="wav", help="wav is 32-bit float, flac 24 bit"
    )
    separate.add_argument(
        "--start", type=_seconds, default=0.0, metavar="S", help="seconds to leave out at the beginning"
    )
    separate.add_argument(
        "--duration", type=_positive_seconds, metavar="S", help="seconds to separate (default: to the end)"
    )
    separate.add_argument(
        "--jobs", type=_positive_int, default=1, metavar="N", help="songs at the same time, in threads (default: 1)"
    )
    separate.add_argument("--overwrite", action="store_true", help="replace stems that are already there")
    separate.add_argument("--quiet", action="store_true", help="no progress bar, no list of outputs")
    separate.set_defaults(run=_separate)

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
    live.add_argument("--duration", type=_positive_seconds, metavar="S", help="seconds (default: to the end)")
    live.add_argument(
        "--record", type=Path, metavar="DIR", help="also write vocals, accompaniment and mixture to this folder"
    )
    live.add_argument(
        "--format", choices=("wav", "flac", "ogg"), default="wav", help="of --record: wav is 32-bit float, flac 24 bit"
    )
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

    web = commands.add_parser(
        "web",
        help="open the page that separates in the browser",
        description="Serves the page on localhost, to this computer alone, until Ctrl-C. The browser separates files, "
        "the microphone or another tab; nothing is uploaded.",
        allow_abbrev=False,
    )
    web.add_argument(
        "--port", type=_port, default=4410, metavar="N", help="TCP port, 0 for any that is free (default: 4410)"
    )
    web.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    web.set_defaults(run=_web)

    desktop.add_command(commands)

    presets = commands.add_parser("presets", help="list the shipped models", allow_abbrev=False)
    presets.add_argument("--json", action="store_true", help="everything about them, for programs")
    presets.set_defaults(run=_presets)
    return parser


def _separate(args: argparse.Namespace) -> int:
    from concurrent.futures import ThreadPoolExecutor, wait

    from tqdm import tqdm

    from keras_sep.presets import DEFAULT_PRESET
    from keras_sep.separator import Separator

    with warnings.catch_warnings(record=True) as said:
        # Fails here, before any input is touched.
        separator = Separator(args.preset or DEFAULT_PRESET, model=args.model)
    for warning in said:
        print(f"keras-sep: warning: {_one_line(str(warning.message))}", file=sys.stderr)
    sources = separator.spec.sources
    stems = args.stems or list(sources)
    for stem in stems:
        if stem not in sources:
            raise AudioError(f"--stems: expected some of {', '.join(sources)}. Received: {stem!r}")
    folders = _folders(args.inputs, args.out)

    spare, stop, lock = [separator], threading.Event(), threading.Lock()
    bar = tqdm(total=0, unit="s", unit_scale=True, disable=None if not args.quiet else True, leave=False)

    def work(item: tuple[Path, Path]) -> str | None:
        """Separates one input; returns what went wrong, if anything."""
        path, folder = item
        if stop.is_set():
            return None
        # isfile of os.path, not of Path, which raises for a name that is too long.
        missing = [s for s in stems if args.overwrite or not os.path.isfile(folder / f"{s}.{args.format}")]
        if not missing:
            tqdm.write(f"keras-sep: {path}: skipped, its stems are in {folder} (--overwrite replaces them)", sys.stderr)
            return None
        with lock:
            mine = spare.pop() if spare else None
        seen = [0.0, 0.0]  # seconds done and in all, as shown

        def progress(done: int, total: int | None, rate: int) -> None:
            if stop.is_set():
                raise _Stopped
            with lock:
                now, whole = done / rate, (total or done) / rate
                bar.total += whole - seen[1]
                bar.update(now - seen[0])
                seen[:] = now, whole

        try:
            mine = mine or Separator(model=separator.model)
            bar.set_description_str(path.name, refresh=False)
            written = mine.separate_file(
                path,
                folder,
                stems=missing,
                format=args.format,
                start=args.start,
                duration=args.duration,
                progress=progress,
            )
        except _Stopped:
            return None
        except (AudioError, ModelFileError) as error:
            return str(error)
        except OSError as error:
            return f"{path}: {error.strerror or error}"
        finally:
            if mine:
                with lock:
                    spare.append(mine)
        if not args.quiet:
            for target in written.values():
                tqdm.write(str(target), sys.stdout)
        return None

    failed = 0
    with ThreadPoolExecutor(args.jobs) as pool:
        try:
            for future in [pool.submit(work, item) for item in folders.items()]:
                # Not for ever: the system may hand Ctrl-C to another thread, which does not wake who waits.
                while not future.done():
                    wait([future], timeout=0.2)
                if problem := future.result():
                    failed += 1
                    tqdm.write(f"keras-sep: error: {_one_line(problem)}", sys.stderr)
        except BaseException:
            stop.set()
            raise
        finally:
            bar.close()
    return 1 if failed else 0


def _live(args: argparse.Namespace) -> int:
    from keras_sep.live.sound_card import SoundCard

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

    with warnings.catch_warnings(record=True) as said:
        separator = StreamingSeparator(args.preset or DEFAULT_PRESET, model=args.model, repair=True)
    for warning in said:
        print(f"keras-sep: warning: {_one_line(str(warning.message))}", file=sys.stderr)
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
            terminal.clear()
            if not args.quiet and session.stats().mean_load:
                print(f"keras-sep: {summary(session.stats())}", file=sys.stderr)
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
            print(f"    {file.graph:8} {file.precision:12} {file.bytes / 1e6:5.2f} MB  {file.path()}")
    return 0


def _folders(inputs: Sequence[Path], out: Path) -> dict[Path, Path]:
    """Output folder of each input; two inputs of one name would overwrite each other."""
    folders: dict[Path, Path] = {}
    owners: dict[Path, Path] = {}
    for path in dict.fromkeys(inputs):
        if path.stem in ("", ".", ".."):
            raise AudioError(f"{path}: expected a file name to call the output's folder by. Received: {path.name!r}")
        folder = out / path.stem
        if folder in owners:
            raise AudioError(
                f"{owners[folder]} and {path} would both be written to {folder}: choose another OUTDIR for one"
            )
        owners[folder], folders[path] = path, folder
    return folders


def _fail(error: Exception | str) -> int:
    print(f"keras-sep: error: {_one_line(error)}", file=sys.stderr)
    return 1


def _one_line(message: Exception | str) -> str:
    """A file's name may hold a line break."""
    return " ".join(str(message).splitlines())


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise argparse.ArgumentTypeError(f"expected names separated by commas. Received: {text!r}")
    return list(dict.fromkeys(names))


def _number(text: str, expected: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected {expected}. Received: {text!r}")
    return value


def _seconds(text: str) -> float:
    return _number(text, "seconds, 0 or more")


def _positive_seconds(text: str) -> float:
    value = _number(text, "seconds, more than 0")
    if value == 0:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0. Received: {text!r}")
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
        expected = f"{least:g} to {most:g} {unit}"
        value = _number(text, expected)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected {expected}. Received: {text!r}")
        return value

    return number


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"expected a TCP port, 0 to 65535. Received: {text!r}")
    return int(text)


def _positive_int(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1. Received: {text!r}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
