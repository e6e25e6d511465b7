# test-case-name: tests.ua.console.test_wording
"""How the console puts the phone's state, times and calls into words.

Pure: it reads the phone and is told the time. Times of day are local.
"""

from __future__ import annotations

import math
import re
import time
from typing import Final

from sipmini.ua.console.contract import CallRecord, Phone

__all__ = ["duration", "record", "state_line", "status_line", "time_of_day", "when"]


FIELD_END: Final = " | "
"""What stands between two fields of the live line."""


def duration(seconds: float) -> str:
    """``00:12``, and ``1:00:12`` from an hour on."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60:02}:{rest % 60:02}"


def span(seconds: float) -> str:
    """A number of seconds as it is said in a sentence: ``5 s``, ``1.2 s``."""
    return f"{math.floor(seconds * 10) / 10:g} s"


def time_of_day(at: float, seconds: bool = False) -> str:
    """``12:04``, or ``12:04:31``, where the machine is."""
    return time.strftime("%H:%M:%S" if seconds else "%H:%M", time.localtime(at))


def when(at: float, wall: float) -> str:
    """``12:04``, with the date before it when that is not today."""
    same_day = time.localtime(at)[:3] == time.localtime(wall)[:3]
    return time_of_day(at) if same_day else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def state_line(phone: Phone, now: float, wall: float) -> str:
    """What ``state`` says: ``talking 00:12 with Bob <sip:bob@biloxi.com>, registered until 12:04``."""
    return f"{_call(phone, now)}, {_registration(phone, wall)}"


def status_line(phone: Phone, now: float, wall: float, doing: str = "") -> str:
    """The live line under the prompt: the call, the registration, and who this is.

    :param doing: what the console itself is doing, if it is busy.
    """
    parts = (doing, _live_call(phone, now), _registration(phone, wall), phone.user)
    return FIELD_END.join(part for part in parts if part)


def party(peer: str) -> str:
    """The other side, as short as it can be said: a bare ``sip:bob@biloxi.com`` is ``bob@biloxi.com``."""
    bare = re.fullmatch(r"<?(?:sips?:)?([^<>;\s\"]*)(?:;[^<>]*)?>?", peer.strip())
    return bare.group(1) if bare else peer


def _with_peer(phone: Phone, joint: str) -> str:
    return f"{joint}{party(phone.peer)}" if phone.peer else ""


def _call(phone: Phone, now: float) -> str:
    if phone.state == "talking":
        return f"talking {_talked(phone, now)}{_with_peer(phone, ' with ')}"
    joint = {"ringing": ", called by ", "inviting": " ", "ringing_back": " at "}.get(phone.state)
    return phone.state if joint is None else phone.state + _with_peer(phone, joint)


def _live_call(phone: Phone, now: float) -> str:
    if phone.state == "ringing":
        return f"ringing...{_with_peer(phone, ' ')} (a answers, q declines)"
    if phone.state == "ringing_back":
        return f"ringing back...{_with_peer(phone, ' ')} (q cancels)"
    if phone.state == "inviting":
        return f"inviting...{_with_peer(phone, ' ')} (q cancels)"
    if phone.state == "talking":
        return f"talking {_talked(phone, now)}{_with_peer(phone, ' with ')} (q hangs up)"
    return phone.state


def _talked(phone: Phone, now: float) -> str:
    return duration(0 if phone.talking_since is None else now - phone.talking_since)


def _registration(phone: Phone, wall: float) -> str:
    until = phone.registered_until
    return "not registered" if until is None else f"registered until {when(until, wall)}"


def record(call: CallRecord, wall: float) -> str:
    """One line of ``history``: ``12:04  out  Bob <sip:bob@biloxi.com>  answered  00:12``."""
    talked = f"  {duration(call.seconds)}" if call.seconds else ""
    return f"{when(call.when, wall)}  {call.direction:<3}  {party(call.peer)}  {call.outcome}{talked}"


def printable(text: str) -> str:
    """``text`` with everything that could move the cursor or colour the terminal made visible; newlines stay.

    Display names and reason phrases come from the network and may hold anything.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character == "\n" or character.isprintable() else _visible(character)
        for character in text
    )


def _visible(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
