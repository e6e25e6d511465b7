"""The ``sipmini`` command: what is done once and not by a daemon.

Each subcommand is imported when it is asked for, so that none waits for another's imports.
"""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from sipmini import __version__
from sipmini.errors import SipminiError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, or 1 with a sentence on standard error, or 2 for misuse."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        status = options.run(options)
    except SipminiError as error:
        print(f"sipmini {options.command}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    return int(status)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="sipmini",
        description="SIP in one package. The daemons are twistd commands: twistd -n sipmini-proxy and "
        "twistd -n sipmini-ua; these are the other commands.",
    )
    parser.add_argument("--version", action="version", version=f"sipmini {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_demo(commands)
    _add_decode(commands)
    _add_location(commands)
    return parser


def _add_demo(commands: Any) -> None:
    parser = commands.add_parser(
        "demo",
        help="two proxies, two phones, a call between them, and its message ladder",
        description="Starts two proxies and two phones on this machine, places a call, draws its messages.",
    )
    parser.add_argument(
        "--talk", type=_seconds, default=2.0, metavar="SECONDS", help="how long the two talk [2]"
    )
    parser.add_argument("--ascii", action="store_true", help="draw the ladder in ASCII")
    parser.add_argument(
        "--state-dir",
        metavar="DIR",
        help="keep bindings, names and message logs here [a private directory, removed at the end]",
    )
    parser.set_defaults(run=_demo)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds <= 3600:
        raise ValueError(text)
    return seconds


def _demo(options: Namespace) -> int:
    from sipmini import demo

    return demo.run(options)


def _add_location(commands: Any) -> None:
    parser = commands.add_parser(
        "location",
        help="list, show and remove bindings, also while a proxy runs",
        description="Looks into the location file of a state directory, also while proxies use it.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="all bindings")
    showing = actions.add_parser("show", help="the bindings of one user")
    removing = actions.add_parser("remove", help="remove the bindings of one user, or one of them")
    for action in (showing, removing):
        action.add_argument("address", metavar="USER@DOMAIN")
    removing.add_argument("contact", nargs="?", metavar="CONTACT", help="only this contact URI [all]")
    for action in (listing, showing):
        action.add_argument("--json", action="store_true", help="print JSON")
    for action in (listing, showing, removing):
        action.add_argument(
            "--state-dir", metavar="DIR", help="the state directory [$SIPMINI_STATE or this system's place]"
        )
    parser.set_defaults(run=_location)


def _location(options: Namespace) -> int:
    from sipmini.config import state_directory
    from sipmini.location import command

    directory = str(state_directory(os.environ, options.state_dir))
    now = time.time()
    if options.action == "list":
        text = command.list_bindings(directory, now, options.json)
    elif options.action == "show":
        text = command.show(directory, options.address, now, options.json)
    else:
        text = command.remove(directory, options.address, now, options.contact)
    print(text.rstrip("\n"))
    return 0


def _add_decode(commands: Any) -> None:
    parser = commands.add_parser(
        "decode",
        help="print a SIP message as JSON, or the other way with --encode",
        description="Reads SIP messages from a file, or - for standard input, and prints their decoded form.",
    )
    parser.add_argument("file", metavar="FILE", help="a file, or - for standard input")
    parser.add_argument("--encode", action="store_true", help="from JSON back to the message")
    parser.set_defaults(run=_decode)


def _decode(options: Namespace) -> int:
    from sipmini import decode

    arguments = ["--encode", options.file] if options.encode else [options.file]
    return decode.main(arguments, sys.stdin.buffer, sys.stdout.buffer)
