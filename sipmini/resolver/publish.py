# test-case-name: tests.resolver.test_publish
"""Writes the zone file by which phones and other proxies find this proxy.

Touches one file of ``STATE/dns``, which is replaced in one step while the directory is locked: several
proxies may serve one domain and publish together.  A file without the marker in its first line belongs
to the user and is never written.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from attrs import frozen

from sipmini.errors import BadSetting, StoreError
from sipmini.hop import Hop
from sipmini.locking import locked
from sipmini.resolver.blocks import Block, read_blocks, read_serial, zone_text
from sipmini.resolver.locate import DEFAULT_PORT
from sipmini.resolver.names import check_domain, ip_literal
from sipmini.resolver.records import Srv
from sipmini.resolver.zonefile import MARKER, MAX_ZONE_SIZE, Zone, parse_zone

__all__ = ["Publication", "is_alive", "publish", "withdraw"]

_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@frozen
class Publication:
    """What came of publishing.

    :ivar path: the zone file.
    :ivar written: whether it was written; not, if it said the same already.
    :ivar note: a sentence for the person who starts this proxy, or empty: the file is theirs and was left
        alone, or other proxies serve the domain too.
    """

    path: Path
    written: bool
    note: str = ""


def is_alive(process_id: int) -> bool:
    """Whether a process of this machine has that id; one of another user counts."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def publish(
    directory: str | os.PathLike[str],
    domain: str,
    hops: Sequence[Hop],
    wall_clock: float,
    process_id: int,
    is_alive: Callable[[int], bool] = is_alive,
) -> Publication:
    """Say in ``directory/DOMAIN.zone`` that process *process_id* serves *domain* at *hops*, best first.

    What other processes say there stays behind what they found there, as long as they live; that of dead
    ones goes.  A wildcard address is published as the loopback address of its family: whoever reads this
    directory is on this machine.  *wall_clock* (Unix time, seconds) becomes the zone's serial number.
    Raises BadSetting for a domain that is no domain name, StoreError if the file cannot be written.
    """
    path = _path(directory, domain)
    domain = path.stem
    own = Block(process_id, tuple(Hop(hop.transport, _published(hop.host), hop.port) for hop in hops))
    try:
        for each in (path.parent.parent, path.parent):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.parent):
            present = _present(path)
            if present is not None and not present.startswith(MARKER):
                return Publication(path, False, _left_alone(path, present, own))
            others = _others(present, process_id, is_alive)
            written = _write(path, present, [*others, own], wall_clock)
    except OSError as error:
        raise _cannot(path, domain, "published", error) from error
    return Publication(path, written, _shared(domain, others))


def withdraw(
    directory: str | os.PathLike[str],
    domain: str,
    wall_clock: float,
    process_id: int,
    is_alive: Callable[[int], bool] = is_alive,
) -> None:
    """Take back what *process_id* published; where no living process is left, the file goes.

    Raises as :func:`publish` does.
    """
    path = _path(directory, domain)
    try:
        if not path.exists():
            return
        with locked(path.parent):
            present = _present(path)
            if present is None or not present.startswith(MARKER):
                return
            others = _others(present, process_id, is_alive)
            if others:
                _write(path, present, others, wall_clock)
            else:
                path.unlink()
    except OSError as error:
        raise _cannot(path, path.stem, "withdrawn", error) from error


def _path(directory: str | os.PathLike[str], domain: str) -> Path:
    try:
        return Path(directory) / f"{check_domain(domain)}.zone"
    except ValueError as error:
        raise BadSetting(str(error), "name a domain such as atlanta.com") from None


def _published(host: str) -> str:
    host = ip_literal(host) or host
    return _WILDCARDS.get(host, host)


def _others(present: str | None, process_id: int, is_alive: Callable[[int], bool]) -> list[Block]:
    return [
        block
        for block in read_blocks(present or "")
        if block.process_id != process_id and is_alive(block.process_id)
    ]


def _cannot(path: Path, domain: str, done: str, error: OSError) -> StoreError:
    return StoreError(
        f"{path}: the names of {domain} cannot be {done} there ({error.strerror}); "
        "make the directory writable, or choose another with --state-dir"
    )


# --- files ----------------------------------------------------------------------------------


def _present(path: Path) -> str | None:
    """The file as it is, ``None`` if there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read(MAX_ZONE_SIZE).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _write(path: Path, present: str | None, blocks: Sequence[Block], wall_clock: float) -> bool:
    """Write the zone of these *blocks*, unless it is *present* already; the serial number only grows."""
    serial = read_serial(present or "")
    if present == zone_text(path.stem, blocks, serial):
        return False
    _replace(path, zone_text(path.stem, blocks, max(int(wall_clock), serial + 1) % 2**32))
    return True


def _replace(path: Path, text: str) -> None:
    """Write *text* beside *path* and put it in its place: a reader sees the old file or the new one."""
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


# --- in words -------------------------------------------------------------------------------


def _shared(domain: str, others: Sequence[Block]) -> str:
    """That others serve *domain* too, empty if there are none."""
    if not others:
        return ""
    which = " and ".join(
        [f"the proxy with process id {each.process_id} on {_ports(each.ports)}" for each in others]
    )
    return f"{domain} is also served by {which}; names lead to {'both' if len(others) == 1 else 'all'}."


def _left_alone(path: Path, text: str, own: Block) -> str:
    """That the file is the user's, and what in it cannot be right."""
    try:
        wrong = _astray(parse_zone(str(path), path.stem, text), own.ports)
    except BadSetting:
        # Whoever reads the zones says what is wrong with it.
        wrong = ""
    return (
        f"{path} was not written by sipmini and is left as it is: it must name this proxy itself"
        f"{f', but {wrong}' if wrong else ''}; delete it to let sipmini write it"
    )


def _astray(zone: Zone, ports: Sequence[int]) -> str:
    """How *zone* misses all of *ports*, empty if it does not."""
    here = f"{_ports(ports)}, where this proxy listens"
    records = [record for node in zone.nodes.values() for record in node.records.get("SRV", ((), 0))[0]]
    services = [record for record in records if isinstance(record, Srv)]
    if services:
        leads_here = any(service.port in ports for service in services)
        return "" if leads_here else f"none of its SRV records leads to {here}"
    # RFC 3263 §4.2: where there is no SRV record, a name leads to the default port of its addresses.
    if DEFAULT_PORT in ports:
        return ""
    return f"it has no SRV record, and without one no name leads to {here}"


def _ports(ports: Iterable[int]) -> str:
    numbers = [str(port) for port in ports]
    return f"port{'s' if len(numbers) > 1 else ''} {' and '.join(numbers)}"
