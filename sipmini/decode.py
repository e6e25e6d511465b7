# test-case-name: tests.test_decode
"""``sipmini decode``: SIP messages as JSON, and JSON as SIP messages.

A file holds one message, or several one after the other, or is a message log. Of a log, each message says
when it was sent or received and where to or from (``Log``), and the decisions stand among them
(``Decided``); going back, only the messages count. It touches the file it is told
to read and the two streams it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from attrs import frozen

from sipmini.codec import decode, encode
from sipmini.decoded import as_dict, from_dict
from sipmini.errors import BadSetting, MalformedMessage, MalformedValue
from sipmini.framing import StreamFramer

__all__ = ["main", "to_json", "to_messages"]

LARGEST_FILE: Final = 64 << 20
"""Bytes of a file that is read; a message log is rotated long before."""

_RECORD: Final = re.compile(
    rb"^(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z) "
    rb"(?:(?P<direction>received from|sent to) (?P<transport>\S+) (?P<host>\S+) port (?P<port>\d+)"
    rb"|decided(?: on (?P<about>.*?))?: (?P<reason>[a-z0-9-]+ \(RFC .*))\n",
    re.MULTILINE,
)
"""What stands before each message in a message log, and its records that hold a decision and no message."""


@frozen
class _Piece:
    """A part of a file: where it begins, its octets, and what a message log says of it."""

    line: int
    octets: bytes
    log: dict[str, str] | None = None
    decision: dict[str, str] | None = None


def main(arguments: Sequence[str], stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Run the command: ``[--encode] FILE``, where ``-`` is standard input.

    :raises BadSetting: the file cannot be read, or holds no message; the text says which and where.
    """
    back = "--encode" in arguments
    (name,) = [argument for argument in arguments if argument != "--encode"]
    data = _read(name, stdin)
    if name == "-":
        name = "standard input"
    stdout.write(to_messages(data, name) if back else to_json(data, name).encode())
    stdout.flush()
    return 0


def to_json(data: bytes, name: str) -> str:
    """The messages in *data* in their decoded form: an object if it is one, else a list of them.

    :param name: what to call the file in a complaint.
    :raises BadSetting: something in there is no SIP message.
    """
    decoded: list[object] = []
    pieces = list(_pieces(data))
    messages = sum(piece.decision is None for piece in pieces)
    number = 0
    for piece in pieces:
        entry: dict[str, object] = {} if piece.log is None else {"Log": piece.log}
        if piece.decision is None:
            number += 1
            try:
                entry.update(as_dict(decode(piece.octets)))
            except MalformedMessage as error:
                which = "it is no SIP message" if messages == 1 else f"message {number} is no SIP message"
                raise BadSetting(f"{which}: {error}", "", name, piece.line) from None
        else:
            entry["Decided"] = piece.decision
        decoded.append(entry)
    if not decoded:
        raise BadSetting("there is no message in it", "name a file that has one", name)
    return _dumped(decoded[0] if len(decoded) == 1 else decoded) + "\n"


def to_messages(data: bytes, name: str) -> bytes:
    """The messages, one after the other, whose decoded form, or a list of them, is the JSON in *data*.

    :param name: what to call the file in a complaint.
    :raises BadSetting: it is not JSON, or does not describe messages.
    """
    try:
        decoded = json.loads(data)
    except json.JSONDecodeError as error:
        raise BadSetting(
            f"it is not JSON ({error.msg}, column {error.colno})", "", name, error.lineno
        ) from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise BadSetting(f"it is not JSON ({error})", "", name) from None
    forms = decoded if isinstance(decoded, list) else [decoded]
    # What a message log says of its messages, and its decisions, are not on the wire.
    forms = [form for form in forms if not (isinstance(form, dict) and "Decided" in form)]
    messages: list[bytes] = []
    for number, form in enumerate(forms, 1):
        try:
            messages.append(encode(from_dict(form)))
        except MalformedValue as error:
            which = f"message {number}: " if len(forms) > 1 else ""
            raise BadSetting(f"{which}{error}", "", name) from None
    return b"".join(messages)


def _read(name: str, stdin: BinaryIO) -> bytes:
    try:
        if name == "-":
            data = stdin.read(LARGEST_FILE + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadSetting(f"it cannot be read ({error.strerror})", "name a file that can", name) from None
    if len(data) > LARGEST_FILE:
        raise BadSetting(f"it has more than {LARGEST_FILE} bytes", "split it", name)
    return data


def _pieces(data: bytes) -> Iterator[_Piece]:
    """The messages in *data*, each with the number of the line it begins in."""
    if _RECORD.match(data):
        yield from _of_a_log(data)
        return
    if b"\r\n" not in data:
        # An editor saved it; on the wire every line ends in CRLF.
        data = data.replace(b"\n", b"\r\n")
    line = 1
    for piece in _of_a_stream(data) or [data]:
        empty = len(piece) - len(piece.lstrip(b"\r\n"))
        if piece[empty:]:
            yield _Piece(line + piece[:empty].count(b"\n"), piece)
        line += piece.count(b"\n")


def _of_a_stream(data: bytes) -> list[bytes] | None:
    """The messages that stand one after the other; ``None`` if this is not plainly what *data* is.

    A single message, or one whose Content-Length is wrong, is read as a datagram is, to the end of the file.
    """
    framer = StreamFramer()
    pieces = framer.feed(data)
    whole = framer.error is None and framer.pending <= 4 and not data[len(data) - framer.pending :].strip()
    return pieces if whole and len(pieces) > 1 else None


def _of_a_log(data: bytes) -> Iterator[_Piece]:
    """The messages and decisions of a message log, as it writes them."""
    heads = list(_RECORD.finditer(data))
    ends = [head.start() for head in heads[1:]] + [len(data)]
    line = 1
    for head, end in zip(heads, ends, strict=True):
        said = {key: (value or b"").decode("utf-8", "replace") for key, value in head.groupdict().items()}
        if said["direction"]:
            host = f"[{said['host']}]" if ":" in said["host"] else said["host"]
            log = {
                "at": said["at"],
                "direction": said["direction"].partition(" ")[0],
                "transport": said["transport"],
                "peer": f"{host}:{said['port']}",
            }
            yield _Piece(line + 1, data[head.end() : end].removesuffix(b"\n\n"), log)
        else:
            log = {"at": said["at"], "direction": "decided"}
            decision = {"reason": said["reason"], "about": said["about"]}
            yield _Piece(line, b"", log, {key: text for key, text in decision.items() if text})
        line += data.count(b"\n", head.start(), end)


def _dumped(value: object) -> str:
    """JSON for people: as UTF-8, unless octets that are none came in with the message."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=2)
    return text
