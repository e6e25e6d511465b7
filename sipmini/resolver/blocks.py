# test-case-name: tests.resolver.test_blocks
"""The zone that sipmini publishes: one block of records for each proxy that serves the domain.  Pure.

A block is headed by a comment that names the process and where it listens.  Only that comment is read
again; the records follow from it, so that those of all blocks fit together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from attrs import frozen

from sipmini.hop import Hop
from sipmini.resolver.names import ip_literal
from sipmini.resolver.zonefile import MARKER

__all__ = ["Block", "read_blocks", "read_serial", "zone_text"]

#: Seconds: for how long others may keep what is published here.
TTL = 60

#: The process ids that a system can give; anything else is no number to ask the system about.
_LARGEST_PROCESS_ID = 2**31 - 1

_SERVICES = {"UDP": ("_sip._udp", "SIP+D2U"), "TCP": ("_sip._tcp", "SIP+D2T")}
_SERIAL = re.compile(r"^@ SOA \S+ \S+ \( (\d{1,10}) ", re.MULTILINE)
_HEAD = re.compile(r"^; The proxy with process id (\d{1,10}): (.+)$", re.MULTILINE)
_PLACE = re.compile(r"(UDP|TCP) (\S+) port (\d{1,5})")


@frozen
class Block:
    """One proxy.

    :ivar process_id: of the process that is the proxy.
    :ivar hops: where it serves, best first; numeric addresses only.
    """

    process_id: int
    hops: tuple[Hop, ...]

    @property
    def ports(self) -> list[int]:
        """The ports it listens on."""
        return sorted({hop.port for hop in self.hops})


def read_blocks(text: str) -> list[Block]:
    """The blocks of a zone that :func:`zone_text` made, in order; what is no such block is left out."""
    blocks = []
    for head in _HEAD.finditer(text):
        places = [_PLACE.fullmatch(place) for place in head[2].split(", ")]
        hops = [
            Hop(place[1], place[2], int(place[3]))
            for place in places
            if place is not None and ip_literal(place[2]) == place[2] and 0 < int(place[3]) < 65536
        ]
        if len(hops) == len(places) and 0 < int(head[1]) <= _LARGEST_PROCESS_ID:
            blocks.append(Block(int(head[1]), tuple(hops)))
    return blocks


def read_serial(text: str) -> int:
    """The serial number of a zone that :func:`zone_text` made, 0 if there is none."""
    found = _SERIAL.search(text)
    return int(found[1]) if found is not None else 0


def zone_text(domain: str, blocks: Sequence[Block], serial: int) -> str:
    """The zone of *domain* as a file.

    Every host of every block has a name of its own.  The blocks are tried in their order (RFC 2782), and a
    caller that has the choice takes the transport that is named first in the first of them (RFC 3263 §4.1).
    """
    lines = [
        MARKER,
        f"$ORIGIN {domain}.",
        f"$TTL {TTL}",
        f"@ SOA proxy hostmaster ( {serial} 3600 600 86400 {TTL} )",
        "@ NS proxy",
        *_naptr_lines([hop for block in blocks for hop in block.hops]),
    ]
    names = 0
    priority = 0
    own_addresses: set[str] = set()
    for block in blocks:
        hosts: dict[str, str] = {}
        for hop in block.hops:
            if hop.host not in hosts:
                names += 1
                hosts[hop.host] = f"proxy{names}" if names > 1 else "proxy"
        lines.append(f"; The proxy with process id {block.process_id}: {_places(block.hops)}")
        for hop in block.hops:
            priority += 10
            lines.append(f"{_SERVICES[hop.transport][0]} SRV {priority} 0 {hop.port} {hosts[hop.host]}")
        lines += [_address_line("@", host) for host in hosts if host not in own_addresses]
        lines += [_address_line(name, host) for host, name in hosts.items()]
        own_addresses.update(hosts)
    return "\n".join(lines) + "\n"


def _places(hops: Iterable[Hop]) -> str:
    return ", ".join([f"{hop.transport} {hop.host} port {hop.port}" for hop in hops])


def _naptr_lines(hops: Iterable[Hop]) -> list[str]:
    transports = dict.fromkeys(hop.transport for hop in hops)
    return [
        f'@ NAPTR {10 * order} 10 "s" "{_SERVICES[transport][1]}" "" {_SERVICES[transport][0]}'
        for order, transport in enumerate(transports, 1)
    ]


def _address_line(name: str, host: str) -> str:
    return f"{name} {'AAAA' if ':' in host else 'A'} {host}"
