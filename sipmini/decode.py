# test-case-name: tests.test_decode
"""``sipmini decode``: SIP messages as JSON, and JSON as SIP messages.

A file holds one message, or several one after the other, or is a message log. It touches the file it is told
to read and the two streams it is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from sipmini.codec import decode, encode
from sipmini.decoded import as_dict, from_dict
from sipmini.errors import BadSetting, MalformedMessage, MalformedValue
from sipmini.framing import StreamFramer

__all__ = ["main", "to_json", "to_messages"]

LARGEST_FILE: Final = 64 << 20
"""Bytes of a file that is read; a message log is rotated long before."""

_RECORD: Final = re.compile(
    rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z (?:(received from|sent to) \S+ \S+ port \d+|decided.*)\n",
    re.MULTILINE,
)
"""What stands before each message in a message log, and the records of it that hold no message."""


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
    for number, (line, piece) in enumerate(pieces, 1):
        try:
            decoded.append(as_dict(decode(piece)))
        except MalformedMessage as error:
            which = "it is no SIP message" if len(pieces) == 1 else f"message {number} is no SIP message"
            raise BadSetting(f"{which}: {error}", "", name, line) from None
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


def _pieces(data: bytes) -> Iterator[tuple[int, bytes]]:
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
            yield line + piece[:empty].count(b"\n"), piece
        line += piece.count(b"\n")


def _of_a_stream(data: bytes) -> list[bytes] | None:
    """The messages that stand one after the other; ``None`` if this is not plainly what *data* is.

    A single message, or one whose Content-Length is wrong, is read as a datagram is, to the end of the file.
    """
    framer = StreamFramer()
    pieces = framer.feed(data)
    whole = framer.error is None and framer.pending <= 4 and not data[len(data) - framer.pending :].strip()
    return pieces if whole and len(pieces) > 1 else None


def _of_a_log(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The messages of a message log, as it writes them."""
    heads = list(_RECORD.finditer(data))
    ends = [head.start() for head in heads[1:]] + [len(data)]
    line = 1
    for head, end in zip(heads, ends, strict=True):
        if head[1] is not None:
            yield line + 1, data[head.end() : end].removesuffix(b"\n\n")
        line += data.count(b"\n", head.start(), end)


def _dumped(value: object) -> str:
    """JSON for people: as UTF-8, unless octets that are none came in with the message."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=2)
    return text
