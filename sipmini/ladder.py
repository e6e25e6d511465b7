"""The message ladder: one column an element, one arrow a message, with times.  Pure.

It is made of journal entries of one or several elements.  A message that both its sender and
its receiver wrote down is one arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from attrs import frozen

from sipmini.codec import decode
from sipmini.errors import SipminiError
from sipmini.journal import Decided, Entry, Received, Sent
from sipmini.message import Message, Request, Response

Address = tuple[str, int]


@frozen
class Arrow:
    """One message on its way.

    :ivar at: when it was sent (received, if its sender is not one of ours), Unix seconds.
    :ivar label: what it is: a method, or a status and its phrase.
    """

    at: float
    source: str
    target: str
    label: str
    call_id: str


@frozen
class Note:
    """A rule that an element applied."""

    at: float
    element: str
    text: str
    call_id: str


@frozen
class Strokes:
    """What a ladder is drawn with."""

    rail: str
    dash: str
    right: str
    left: str


UNICODE = Strokes("│", "─", "▶", "◀")
ASCII = Strokes("|", "-", ">", "<")


def steps(entries: Iterable[Entry], places: Mapping[Address, str]) -> list[Arrow | Note]:
    """The arrows and notes of a ladder, in the order of time.

    :param places: which element listens at an address; others are shown by their address.
    """
    entries = sorted(entries, key=lambda entry: entry.at)
    names = dict(places)
    for entry in entries:
        if isinstance(entry, (Sent, Received)):
            names.setdefault(entry.flow.local, entry.element)
    found: list[Arrow | Note] = []
    for entry in entries:
        if isinstance(entry, Decided):
            found.append(_note(entry))
        elif isinstance(entry, Sent):
            target = names.get(entry.flow.remote) or _place(entry.flow.remote)
            found.append(_arrow(entry, entry.element, target))
        elif isinstance(entry, Received) and entry.flow.remote not in names:
            found.append(_arrow(entry, _place(entry.flow.remote), entry.element))
    return found


def _place(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _arrow(entry: Sent | Received, source: str, target: str) -> Arrow:
    try:
        message: Message = decode(entry.data)
    except SipminiError:
        return Arrow(entry.at, source, target, "(not a SIP message)", "")
    return Arrow(entry.at, source, target, label(message), message.first("Call-ID") or "")


def _note(entry: Decided) -> Note:
    call_id = "" if entry.message is None else entry.message.first("Call-ID") or ""
    return Note(entry.at, entry.element, str(entry.reason), call_id)


def label(message: Message) -> str:
    """A message in a few words: ``INVITE``, ``180 Ringing``, ``200 OK (BYE)``."""
    if isinstance(message, Request):
        return message.method
    assert isinstance(message, Response)
    _, _, method = (message.first("CSeq") or "").rpartition(" ")
    about = "" if method in ("", "INVITE") else f" ({method})"
    return f"{message.status} {message.phrase}{about}".strip()


def draw(
    ladder: Sequence[Arrow | Note],
    columns: Sequence[str],
    strokes: Strokes = UNICODE,
    gap: int = 18,
) -> str:
    """The ladder as text.

    :param columns: the elements from left to right; others that take part come after them.
    :param gap: how many characters apart the columns are.
    """
    names = list(columns)
    for step in ladder:
        if isinstance(step, Arrow):
            names += [name for name in (step.source, step.target) if name not in names]
    if not ladder or not names:
        return "(no messages)\n"
    start = ladder[0].at
    # Four elements with names of usual length fit into the 80 columns of a terminal.
    for left, right in pairwise(names):
        gap = max(gap, (len(left) + len(right)) // 2 + 2)
    first = max(10, 9 + len(names[0]) // 2)
    rails = [first + gap * place for place in range(len(names))]
    lines = [_centred(names, rails), _rails(rails, strokes)]
    for step in ladder:
        time = f"{step.at - start:8.3f}"
        if isinstance(step, Arrow):
            ends = (rails[names.index(step.source)], rails[names.index(step.target)])
            lines.append(time + _with_arrow(_rails(rails, strokes), ends, step.label, strokes)[8:])
        else:
            lines.append(f"{time}  {step.element}: {step.text}")
    return "\n".join([line.rstrip() for line in [*lines, _rails(rails, strokes)]]) + "\n"


def _centred(names: Sequence[str], rails: Sequence[int]) -> str:
    line = ""
    for name, rail in zip(names, rails, strict=True):
        line = line.ljust(rail - len(name) // 2) + name
    return line


def _rails(rails: Sequence[int], strokes: Strokes) -> str:
    line = ""
    for rail in rails:
        line = line.ljust(rail) + strokes.rail
    return line


def _with_arrow(line: str, ends: tuple[int, int], text: str, strokes: Strokes) -> str:
    left, right = min(ends), max(ends)
    if left == right:
        return f"{line[: left + 1]} ({text[:20]})"
    room = right - left - 1
    text = f" {text[: room - 4]} "
    shaft = text.center(room, strokes.dash)
    shaft = shaft[:-1] + strokes.right if ends[0] == left else strokes.left + shaft[1:]
    return line[: left + 1] + shaft + line[right:]
