"""The sink "Without the singer" of a Linux desktop: the plugin in a process of PipeWire's, for whatever is played.

`install` puts three things into the user's folders, and `remove` takes them away:

- `~/.lv2/keras_sep.lv2`: the plugin's bundle, where other programs find it as well.
- `~/.config/pipewire/keras_sep.conf`: the sink, as a configuration of PipeWire's.
- `~/.config/systemd/user/keras_sep.service`: what starts it with PipeWire.

The sink is a process of its own: whatever happens to it, the rest of the desktop's sound goes on.
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
    """Installs the sink, or replaces it, and starts it where systemd has a session.

    Args:
        bundle: folder keras_sep.lv2; None for the checkout's own, or else the one that is installed already.
        vocals_db, accompaniment_db: gains that the sink starts with, MIN_DB (silence) to MAX_DB.

    Returns:
        What was installed.

    Raises:
        DesktopError: no PipeWire, no bundle, or a folder that is none.
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
    """Stops the sink and removes what `install` has installed; returns it.

    Folders that are empty then are removed, too.
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
    """Describes what is installed, whether it runs, its gains, and how to change them, in lines."""
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
    yield f"to change them: {' '.join(set_gains_command(number, gains['voice'], gains['accompaniment']))}"


def set_gains_command(node: int, vocals_db: float, accompaniment_db: float) -> list[str]:
    """Words of the command that sets the gains of the sink; the last is quoted for a shell."""
    params = f'"separator:voice" {vocals_db:.1f} "separator:accompaniment" {accompaniment_db:.1f}'
    return ["pw-cli", "set-param", str(node), "Props", f"'{{ params = [ {params} ] }}'"]


def _node() -> tuple[int, dict[str, float]] | None:
    """Number and gains of the sink in the running PipeWire, None if there is none."""
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
    """Asks the user's systemd; False where there is none or it fails."""
    try:
        return subprocess.run(["systemctl", "--user", *arguments], capture_output=True, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def add_command(commands: Any) -> None:
    """Adds `desktop` to the sub-commands of `keras-sep`."""
    desktop = commands.add_parser(
        "desktop",
        help='a sink "Without the singer" for all that the desktop plays',
        description='Puts the sink "Without the singer" into PipeWire: what is played there comes out with the voice '
        "and the accompaniment at their gains, on the default output. Linux, with the plugin of `make plugin`.",
        allow_abbrev=False,
    )
    actions = desktop.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("install", help="install the sink, or replace it", allow_abbrev=False)
    add.add_argument(
        "--bundle", type=Path, metavar="DIR", help="the plugin, a folder keras_sep.lv2 (default: the checkout's)"
    )
    add.add_argument(
        "--vocals", type=_decibels, default=MIN_DB, metavar="DB", help="-60 (silence, the default) to 12 dB"
    )
    add.add_argument("--accompaniment", type=_decibels, default=0.0, metavar="DB", help="likewise (default: 0)")
    add.set_defaults(run=_install)
    actions.add_parser("remove", help="take it away again", allow_abbrev=False).set_defaults(run=_remove)
    show = actions.add_parser("status", help="what is installed, what runs, and its gains", allow_abbrev=False)
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
