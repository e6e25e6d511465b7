"""What ``sipmini location`` does: list, show and remove bindings, also while a proxy runs.

Each function opens the location file of a state directory, does its work and closes it again, and
returns the text to print.  A proxy that runs there notices a removal within half a second.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from sipmini.errors import MalformedUri, Misuse, StoreError
from sipmini.location.binding import Binding
from sipmini.location.database import Database, connect, in_words
from sipmini.location.interface import Remove
from sipmini.location.opening import FILE_NAME
from sipmini.uri import parse_sip_uri, parse_uri, uri_equal

__all__ = ["list_bindings", "remove", "show"]

#: Columns of a terminal that nobody made wider.
_WIDTH = 80


def list_bindings(directory: str, now: float, as_json: bool = False) -> str:
    """Every binding of the state directory *directory* that lasts at *now*, seconds since 1970.

    :raise StoreError: if there is no location file, or it cannot be read.
    """
    with _opened(directory) as database:
        bindings = sorted(database.load(now)[2], key=lambda one: (one.aor, -one.q, -one.updated_at))
    if as_json:
        return _as_json(bindings, now)
    return _table(bindings, now) if bindings else "Nobody is registered."


def show(directory: str, address: str, now: float, as_json: bool = False) -> str:
    """The bindings of one *address* (``alice@atlanta.com``), every field of each.

    :raise Misuse: if *address* is none, or nobody is registered under it.
    :raise StoreError: if there is no location file, or it cannot be read.
    """
    aor = _address_of_record(address)
    with _opened(directory) as database:
        bindings = _valid(database, aor, now)
    if as_json:
        return _as_json(bindings, now)
    return "\n\n".join(_paragraph(binding, now) for binding in bindings)


def remove(directory: str, address: str, now: float, contact: str | None = None) -> str:
    """Remove the bindings of *address*, or only the one whose contact equals *contact* (RFC 3261 §19.1.4).

    :raise Misuse: if *address* is none, or has no such binding.
    :raise StoreError: if there is no location file, or it cannot be written.
    """
    aor = _address_of_record(address)
    with _opened(directory, "write") as database:
        bindings = _valid(database, aor, now)
        chosen = [one for one in bindings if contact is None or _same(one.contact, contact)]
        if not chosen:
            there = ", ".join(_printable(one.contact) for one in bindings)
            raise Misuse(f"{aor} has no contact {contact}; it has {there}.")
        database.commit({(aor, one.contact): Remove(one.contact) for one in chosen}, (), now)
    return f"Removed {', '.join(_printable(one.contact) for one in chosen)} from {aor}."


@contextmanager
def _opened(directory: str, doing: str = "read") -> Iterator[Database]:
    path = os.path.join(directory, FILE_NAME)
    try:
        os.stat(path)
        database = Database(connect(path))
        try:
            fault = database.fault()
            if fault is not None:
                raise StoreError(
                    f"Cannot read the location file {path} ({fault}); use the sipmini that wrote it."
                )
            yield database
        finally:
            database.close()
    except FileNotFoundError:
        raise StoreError(
            f"There is no location file {path}; start sipmini-proxy there first,"
            " or name its state directory with --state-dir."
        ) from None
    except (OSError, sqlite3.Error) as error:
        raise in_words(doing, path, error) from error


def _address_of_record(address: str) -> str:
    text = address if address.lower().startswith(("sip:", "sips:")) else f"sip:{address}"
    try:
        uri = parse_sip_uri(text)
    except MalformedUri:
        uri = None
    if uri is None or uri.user is None:
        raise Misuse(f"{address!r} is not an address; write one like alice@atlanta.com.")
    return uri.address_of_record()


def _valid(database: Database, aor: str, now: float) -> list[Binding]:
    bindings = [one for one in database.bindings_of([aor])[aor] if one.expires_at > now]
    if not bindings:
        raise Misuse(f"{aor} is not registered; `sipmini location list` shows who is.")
    return sorted(bindings, key=lambda one: (-one.q, -one.updated_at))


def _same(registered: str, wanted: str) -> bool:
    try:
        return registered == wanted or uri_equal(parse_uri(registered), parse_uri(wanted))
    except MalformedUri:
        return False


def _as_json(bindings: Iterable[Binding], now: float) -> str:
    return json.dumps(
        [
            {
                "aor": one.aor,
                "contact": one.contact,
                "q": one.q / 1000,
                "expires": one.expires_in(now),
                "expires_at": one.expires_at,
                "call_id": one.call_id,
                "cseq": one.cseq,
                "received_from": one.flow,
                "user_agent": one.user_agent,
                "updated_at": one.updated_at,
            }
            for one in bindings
        ],
        indent=2,
    )


def _table(bindings: Iterable[Binding], now: float) -> str:
    """One line a binding, within a terminal's width where addresses and contacts leave it at that."""
    rows = [("ADDRESS", "CONTACT", "Q", "EXPIRES IN")]
    agents = ["USER AGENT"]
    for one in bindings:
        expires = _remaining(one.expires_in(now))
        name = one.aor.removeprefix("sip:")
        rows.append((_printable(name), _printable(one.contact), f"{one.q / 1000:g}", expires))
        agents.append(_printable(one.user_agent))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    # The phone's own name helps to tell contacts apart, and is the first to go.
    left = _WIDTH - len(lines[0]) - 2
    if left >= len(agents[0]):
        lines = [f"{line}  {agent[:left]}" for line, agent in zip(lines, agents, strict=True)]
    return "\n".join(line.rstrip() for line in lines)


def _remaining(seconds: int) -> str:
    """*seconds* in the unit that tells a person enough."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _paragraph(binding: Binding, now: float) -> str:
    facts = (
        ("address", binding.aor),
        ("contact", binding.contact),
        ("q", f"{binding.q / 1000:g}"),
        ("expires in", f"{binding.expires_in(now)} s"),
        ("received from", binding.flow),
        ("user agent", binding.user_agent),
        ("Call-ID", binding.call_id),
        ("CSeq", str(binding.cseq)),
        ("updated", f"{max(0, round(now - binding.updated_at))} s ago"),
    )
    return "\n".join(f"{name:<14} {_printable(value)}".rstrip() for name, value in facts)


def _printable(text: str) -> str:
    """*text* as a terminal may see it: it came from the network."""
    return "".join(char if char.isprintable() else "?" for char in text)
