# test-case-name: tests.resolver.test_publish
"""Writes the zone file by which phones and other proxies find this proxy.

Touches one file of ``STATE/dns``, which is replaced in one step.  A file without the marker in its
first line belongs to the user and is never written.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

from sipmini.errors import BadSetting, StoreError
from sipmini.hop import Hop
from sipmini.resolver.names import check_domain, ip_literal
from sipmini.resolver.zonefile import MARKER, MAX_ZONE_SIZE

__all__ = ["Publication", "publish"]

#: Seconds: for how long others may keep what is published here.
TTL = 60

_SERVICES = {"UDP": ("_sip._udp", "SIP+D2U"), "TCP": ("_sip._tcp", "SIP+D2T")}
_SERIAL = re.compile(r"^@ SOA \S+ \S+ \( (\d{1,10}) ", re.MULTILINE)
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@frozen
class Publication:
    """What came of publishing.

    :ivar path: the zone file.
    :ivar written: whether it was written; not, if it said the same already.
    :ivar note: a sentence for the person, if the file is theirs and was left alone, else empty.
    """

    path: Path
    written: bool
    note: str = ""


def publish(
    directory: str | os.PathLike[str], domain: str, hops: Sequence[Hop], wall_clock: float
) -> Publication:
    """Say in ``directory/DOMAIN.zone`` that SIP for *domain* is served at *hops*, best first.

    A wildcard address is published as the loopback address of its family: whoever reads this
    directory is on this machine.  *wall_clock* (Unix time, seconds) becomes the serial number of the zone.
    Raises BadSetting for a domain that is no domain name, StoreError if the file cannot be written.
    """
    try:
        domain = check_domain(domain)
    except ValueError as error:
        raise BadSetting(str(error), "name a domain such as atlanta.com") from None
    path = Path(directory) / f"{domain}.zone"
    hops = [Hop(hop.transport, _published_address(hop.host), hop.port) for hop in hops]
    try:
        present = _present(path)
        if present is not None and not present.startswith(MARKER):
            return Publication(path, False, _left_alone(path))
        found = _SERIAL.search(present or "")
        serial = int(found[1]) if found is not None else 0
        if present == _zone_text(domain, hops, serial):
            return Publication(path, False)
        _replace(path, _zone_text(domain, hops, max(int(wall_clock), serial + 1) % 2**32))
    except OSError as error:
        raise StoreError(
            f"{path}: the names of {domain} cannot be published there ({error.strerror}); "
            "make the directory writable, or choose another with --state-dir"
        ) from error
    return Publication(path, True)


def _published_address(host: str) -> str:
    host = ip_literal(host) or host
    return _WILDCARDS.get(host, host)


def _left_alone(path: Path) -> str:
    return (
        f"{path} was not written by sipmini and is left as it is: it must name this proxy itself; "
        "delete it to let sipmini write it"
    )


def _present(path: Path) -> str | None:
    """The file as it is, ``None`` if there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read(MAX_ZONE_SIZE).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _replace(path: Path, text: str) -> None:
    """Write *text* beside *path* and put it in its place: a reader sees the old file or the new one."""
    for directory in (path.parent.parent, path.parent):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".new", dir=path.parent)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _zone_text(domain: str, hops: Sequence[Hop], serial: int) -> str:
    """The zone as a file: one host name for each address, services in the order of *hops*."""
    hosts: dict[str, str] = {}
    for hop in hops:
        hosts.setdefault(hop.host, f"proxy{len(hosts) + 1}" if hosts else "proxy")
    lines = [
        MARKER,
        f"$ORIGIN {domain}.",
        f"$TTL {TTL}",
        f"@ SOA proxy hostmaster ( {serial} 3600 600 86400 {TTL} )",
        "@ NS proxy",
        *_naptr_lines(hops),
        *_srv_lines(hops, hosts),
        *(_address_line("@", host) for host in hosts),
        *(_address_line(name, host) for host, name in hosts.items()),
    ]
    return "\n".join(lines) + "\n"


def _naptr_lines(hops: Iterable[Hop]) -> list[str]:
    transports = dict.fromkeys(hop.transport for hop in hops)
    return [
        f'@ NAPTR {10 * order} 10 "s" "{_SERVICES[transport][1]}" "" {_SERVICES[transport][0]}'
        for order, transport in enumerate(transports, 1)
    ]


def _srv_lines(hops: Iterable[Hop], hosts: dict[str, str]) -> list[str]:
    return [
        f"{_SERVICES[hop.transport][0]} SRV {10 * priority} 0 {hop.port} {hosts[hop.host]}"
        for priority, hop in enumerate(hops, 1)
    ]


def _address_line(name: str, host: str) -> str:
    return f"{name} {'AAAA' if ':' in host else 'A'} {host}"
