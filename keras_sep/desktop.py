"""The sink "Without the singer" for Linux desktops: a PipeWire output that runs the plugin on everything played to it.

`install` puts three things into the user's folders, and `remove` removes them:

- `~/.lv2/keras_sep.lv2`: the plugin, which other programs find there, too.
- `~/.config/pipewire/keras_sep.conf`: the sink, as a PipeWire configuration.
- `~/.config/systemd/user/keras_sep.service`: the service that starts it with PipeWire.

The sink is a separate process: if it fails, all other sound of the desktop goes on.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_sep.errors import DesktopError

BUNDLE = "keras_sep.lv2"
NODE = "keras_sep"  # the sink's name in PipeWire
SERVICE = "keras_sep.service"
MIN_DB, MAX_DB = -60.0, 12.0
_CHECKOUT = Path(__file__).parents[1] / "plugin" / "build" / "lv2" / BUNDLE

_CONFIGURATION = """\
# Written by `keras-sep desktop install`. Started by keras_sep.service, or by hand: pipewire -c keras_sep.conf
context.spa-libs = {{
    audio.convert.* = audioconvert/libspa-audioconvert
    support.* = support/libspa-support
}}
context.modules = [
    {{ name = libpipewire-module-rt args = {{ nice.level = -11 }} flags = [ ifexists nofail ] }}
    {{ name = libpipewire-module-protocol-native }}
    {{ name = libpipewire-module-client-node }}
    {{ name = libpipewire-module-adapter }}
    {{ name = libpipewire-module-filter-chain
        args = {{
            node.description = "Without the singer"
            media.name = "Without the singer"
            filter.graph = {{
                nodes = [
                    {{
                        type = lv2
                        name = separator
                        plugin = "urn:keras-sep:separator"
                        control = {{ "voice" = {voice:.1f} "accompaniment" = {accompaniment:.1f} }}
                    }}
                ]
                inputs = [ "separator:in_left" "separator:in_right" ]
                outputs = [ "separator:out_left" "separator:out_right" ]
            }}
            audio.channels = 2
            audio.position = [ FL FR ]
            capture.props = {{ node.name = "{node}" media.class = Audio/Sink }}
            playback.props = {{ node.name = "{node}.output" node.passive = true }}
        }}
    }}
]
"""

_UNIT = """\
[Unit]
Description=keras_sep: the sink "Without the singer"
After=pipewire.service
BindsTo=pipewire.service

[Service]
ExecStart={pipewire} -c keras_sep.conf
Restart=on-failure

[Install]
WantedBy=pipewire.service
"""


def _bundle() -> Path:
    return Path.home() / ".lv2" / BUNDLE


def _configuration() -> Path:
    return _config_home() / "pipewire" / "keras_sep.conf"


def _unit() -> Path:
    return _config_home() / "systemd" / "user" / SERVICE


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def install(bundle: Path | None = None, *, vocals_db: float = MIN_DB, accompaniment_db: float = 0.0) -> list[Path]:
    """Installs the sink or replaces it, and starts it if the user's systemd is running.

    Args:
        bundle: folder keras_sep.lv2 of the plugin; None for the one that `make plugin` has built in this checkout, or
            if there is none, the installed one.
        vocals_db, accompaniment_db: gains at the start in dB, from MIN_DB (silence) to MAX_DB.

    Returns:
        Paths of what was installed.

    Raises:
        DesktopError: PipeWire or the plugin is missing.

    Examples:
        >>> from pathlib import Path
        >>> from keras_sep import desktop
        >>> from keras_sep.errors import DesktopError
        >>> try:
        ...     desktop.install(Path("unpacked/keras_sep.lv2"), vocals_db=-60.0)
        ... except DesktopError:
        ...     print("refused")  # there is no such folder
        refused
    """
    pipewire = shutil.which("pipewire")
    if not pipewire:
        raise DesktopError("expected the program pipewire. Received: none (on Debian: sudo apt install pipewire)")
    source = bundle or (_CHECKOUT if _CHECKOUT.is_dir() else _bundle())
    absent = [name for name in ("manifest.ttl", "keras_sep.so", "model.tflite") if not (source / name).is_file()]
    if absent:
        hint = "" if bundle else "; build it by `make plugin`, or unpack its tarball and give the folder by --bundle"
        raise DesktopError(f"{source}: expected the plugin's bundle. Received: a folder without {absent[0]}{hint}")
    if source.resolve() != _bundle().resolve():
        _replace_folder(_bundle(), source)
    gains = {"voice": vocals_db, "accompaniment": accompaniment_db}
    _write(_configuration(), _CONFIGURATION.format(node=NODE, **gains))
    _write(_unit(), _UNIT.format(pipewire=pipewire))
    if _systemctl("daemon-reload"):
        _systemctl("enable", SERVICE)
        _systemctl("restart", SERVICE)
    return [_bundle(), _configuration(), _unit()]


def remove() -> list[Path]:
    """Stops the sink, and removes what `install` has installed and the folders that are empty then.

    Returns:
        Paths of what was removed.

    Examples:
        >>> import os
        >>> from unittest.mock import patch
        >>> from keras_sep import desktop
        >>> with patch.dict(os.environ, HOME=os.getcwd(), XDG_CONFIG_HOME=""):  # a user without the sink
        ...     desktop.remove()
        []
    """
    removed = [path for path in (_unit(), _configuration(), _bundle()) if path.is_symlink() or path.exists()]
    if _unit().exists():
        _systemctl("disable", "--now", SERVICE)
    for path in removed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        with contextlib.suppress(OSError):  # not empty
            for folder in path.parents:
                if folder == Path.home():
                    break
                folder.rmdir()
    _systemctl("daemon-reload")
    return removed


def status() -> str:
    """Describes in lines what is installed, whether the sink runs, its gains, and how to change them.

    Examples:
        >>> import os
        >>> from unittest.mock import patch
        >>> from keras_sep import desktop
        >>> with patch.dict(os.environ, HOME=os.getcwd(), XDG_CONFIG_HOME=""):  # a user without the sink
        ...     desktop.status().splitlines()[0]
        'plugin: not installed'
    """
    return "\n".join(_status())


def _status() -> Iterator[str]:
    for what, path in (("plugin", _bundle()), ("sink", _configuration()), ("service", _unit())):
        yield f"{what}: {path if path.exists() else 'not installed'}"
    node = _node()
    if node is None:
        yield "running: no"
        return
    number, gains = node
    yield f'running: yes, as the sink "Without the singer", node {number}'
    yield f"voice: {gains['voice']:g} dB, accompaniment: {gains['accompaniment']:g} dB"
    yield f"to change them: {' '.join(_set_gains_command(number, gains['voice'], gains['accompaniment']))}"


def _set_gains_command(node: int, vocals_db: float, accompaniment_db: float) -> list[str]:
    """Returns the words of the command that sets the gains of the sink; the last word is quoted for a shell."""
    params = f'"separator:voice" {vocals_db:.1f} "separator:accompaniment" {accompaniment_db:.1f}'
    return ["pw-cli", "set-param", str(node), "Props", f"'{{ params = [ {params} ] }}'"]


def _node() -> tuple[int, dict[str, float]] | None:
    """Returns the number and the gains of the running sink, or None if PipeWire has none."""
    try:
        dumped = subprocess.run(["pw-dump"], capture_output=True, text=True, timeout=10)
        objects: list[dict[str, Any]] = json.loads(dumped.stdout)
    except (OSError, subprocess.TimeoutExpired, json.JSONDecodeError):
        return None
    for item in objects:
        info = item.get("info") or {}
        if (info.get("props") or {}).get("node.name") != NODE:
            continue
        gains: dict[str, float] = {}
        for properties in info["params"].get("Props", []):
            values = properties.get("params", [])
            gains.update(
                {
                    name.removeprefix("separator:"): value
                    for name, value in zip(values[::2], values[1::2], strict=True)
                    if name in ("separator:voice", "separator:accompaniment")
                }
            )
        if len(gains) == 2:
            return item["id"], gains
    return None


def _replace_folder(target: Path, source: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part, former = (target.with_name(f".{target.name}.{name}") for name in ("part", "former"))
    for left_over in (part, former):
        shutil.rmtree(left_over, ignore_errors=True)
    shutil.copytree(source, part)
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        target.rename(former)
    part.rename(target)
    shutil.rmtree(former, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _systemctl(*arguments: str) -> bool:
    """Runs a command of the user's systemd; returns False if there is none or it fails."""
    try:
        return subprocess.run(["systemctl", "--user", *arguments], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def add_command(commands: Any) -> None:
    """Adds `desktop` to the sub-commands of `keras-sep`.

    Args:
        commands: the object that `ArgumentParser.add_subparsers` returns.

    Examples:
        >>> import argparse
        >>> from keras_sep import desktop
        >>> parser = argparse.ArgumentParser()
        >>> desktop.add_command(parser.add_subparsers())
        >>> parser.parse_args(["desktop", "install", "--vocals", "-12"]).vocals
        -12.0
    """
    desktop = commands.add_parser(
        "desktop",
        help='add the output device "Without the singer" to a Linux desktop',
        description='Adds the output device "Without the singer" to a Linux desktop with PipeWire. Whatever a program '
        "plays there comes out of the default output, with the voice and the accompaniment at the gains you choose. "
        "Needs the plugin: build it by `make plugin`, or give an unpacked one by --bundle.",
        allow_abbrev=False,
    )
    actions = desktop.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("install", help="install and start it, or change its gains", allow_abbrev=False)
    add.add_argument(
        "--bundle",
        type=Path,
        metavar="DIR",
        help="folder keras_sep.lv2 of the plugin (default: the one built by `make plugin`, or the installed one)",
    )
    add.add_argument(
        "--vocals",
        type=_decibels,
        default=MIN_DB,
        metavar="DB",
        help="gain of the voice, -60 (silence) to 12 dB (default: -60)",
    )
    add.add_argument(
        "--accompaniment",
        type=_decibels,
        default=0.0,
        metavar="DB",
        help="gain of the accompaniment, -60 (silence) to 12 dB (default: 0)",
    )
    add.set_defaults(run=_install)
    actions.add_parser("remove", help="stop and remove it", allow_abbrev=False).set_defaults(run=_remove)
    show = actions.add_parser(
        "status", help="show whether it is installed and running, and its gains", allow_abbrev=False
    )
    show.set_defaults(run=_show)


def _install(args: argparse.Namespace) -> int:
    for path in install(args.bundle, vocals_db=args.vocals, accompaniment_db=args.accompaniment):
        print(path)
    if not _systemctl("is-active", SERVICE):
        print("systemd did not start the sink; start it by: pipewire -c keras_sep.conf")
    return 0


def _remove(args: argparse.Namespace) -> int:
    for path in remove():
        print(f"removed {path}")
    return 0


def _show(args: argparse.Namespace) -> int:
    print(status())
    return 0


def _decibels(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not MIN_DB <= value <= MAX_DB:
        raise argparse.ArgumentTypeError(f"expected {MIN_DB:g} to {MAX_DB:g} dB. Received: {text!r}")
    return value
