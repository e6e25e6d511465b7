# test-case-name: tests.ua.console.test_actions
"""What each command does to the phone, and what it says when it is done.

It touches the phone and nothing else; ``wait``, ``expect``, ``sleep`` and ``exit`` take time and live in
:mod:`sipmini.ua.console.interpreter`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from sipmini.decoded import as_dict
from sipmini.errors import Misuse
from sipmini.ua.console import wording
from sipmini.ua.console.commands import Command, explain, overview
from sipmini.ua.console.contract import Phone

__all__ = ["ACTIONS", "Context", "Reply"]


@frozen
class Reply:
    """What a command answers.

    :ivar text: for a person; may have several lines.
    :ivar data: for a program: the names and values that ``--events json`` adds to the text.
    """

    text: str
    data: Mapping[str, object] = field(factory=dict)


@frozen
class Context:
    """The phone, and the present time on its two clocks: the reactor's and the wall's, in seconds."""

    phone: Phone
    now: float
    wall: float


def _target(text: str) -> str:
    """The address in ``text``, which may be pasted from ``history`` as ``Bob <sip:bob@biloxi.com>``."""
    inside = re.search(r"<([^<>]+)>\s*$", text)
    return inside.group(1) if inside else text


def _call(context: Context, command: Command) -> Reply:
    target = _target(command.word) if command.word else context.phone.destination
    if target is None:
        raise Misuse("call: nobody was called yet; name someone, as in call bob@biloxi.com")
    context.phone.call(target)
    return Reply(f"Calling {target}.", {"target": target})


def _answer(context: Context, command: Command) -> Reply:
    context.phone.answer()
    return Reply("Answering.")


def _decline(context: Context, command: Command) -> Reply:
    context.phone.decline()
    return Reply("Declining.")


def _hangup(context: Context, command: Command) -> Reply:
    words = {"inviting": "Cancelling.", "ringing_back": "Cancelling.", "ringing": "Declining."}
    doing = words.get(context.phone.state, "Hanging up.")
    if context.phone.state == "idle":
        raise Misuse("There is no call to end; to leave the phone: exit")
    context.phone.hangup()
    return Reply(doing)


def _dest_user(context: Context, command: Command) -> Reply:
    destination = context.phone.destination
    return Reply(destination or "Nobody was called yet.", {"destination": destination})


def _history(context: Context, command: Command) -> Reply:
    records = context.phone.history
    data = [
        {"when": r.when, "direction": r.direction, "peer": r.peer, "outcome": r.outcome, "seconds": r.seconds}
        for r in records
    ]
    lines = [wording.record(record, context.wall) for record in records]
    return Reply("\n".join(lines) or "There were no calls yet.", {"calls": data})


def _register(context: Context, command: Command) -> Reply:
    context.phone.register(command.word)
    where = f" with {context.phone.proxy}" if context.phone.proxy else ""
    return Reply(f"Registering {context.phone.user}{where}.", {"proxy": context.phone.proxy})


def _unregister(context: Context, command: Command) -> Reply:
    context.phone.unregister()
    return Reply("Taking the registration back.")


def _user(context: Context, command: Command) -> Reply:
    if command.word is not None:
        context.phone.set_user(command.word)
    return Reply(context.phone.user, {"user": context.phone.user})


def _proxy(context: Context, command: Command) -> Reply:
    if command.word is not None:
        context.phone.set_proxy(command.word)
    proxy = context.phone.proxy
    return Reply(proxy or "No proxy is set; the domain of the user is looked up.", {"proxy": proxy})


def _state(context: Context, command: Command) -> Reply:
    phone = context.phone
    data: dict[str, object] = {
        "state": phone.state,
        "peer": phone.peer,
        "talking_seconds": None if phone.talking_since is None else context.now - phone.talking_since,
        "registered_until": phone.registered_until,
    }
    return Reply(wording.state_line(phone, context.now, context.wall), data)


def _reset_state(context: Context, command: Command) -> Reply:
    context.phone.reset_state()
    return Reply(f"The phone is {context.phone.state}.", {"state": context.phone.state})


def _last_data(context: Context, command: Command) -> Reply:
    message = context.phone.last_message
    if message is None:
        return Reply("Nothing arrived yet.", {"message": None})
    decoded = as_dict(message)
    return Reply(json.dumps(decoded, indent=2, ensure_ascii=False), {"message": decoded})


def _options(context: Context, command: Command) -> Reply:
    target = _target(command.word or "")
    context.phone.options(target)
    return Reply(f"Asking {target} what it supports.", {"target": target})


def _help(context: Context, command: Command) -> Reply:
    return Reply("\n".join(overview() if command.word is None else explain(command.word)))


ACTIONS: Final[Mapping[str, Callable[[Context, Command], Reply]]] = MappingProxyType(
    {
        "call": _call,
        "answer": _answer,
        "decline": _decline,
        "hangup": _hangup,
        "dest user": _dest_user,
        "history": _history,
        "register": _register,
        "unregister": _unregister,
        "user": _user,
        "proxy": _proxy,
        "state": _state,
        "reset state": _reset_state,
        "last data": _last_data,
        "options": _options,
        "help": _help,
    }
)
"""The commands that are done at once, by name.  Each may raise ``SipminiError`` with one sentence."""
