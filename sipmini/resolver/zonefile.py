# test-case-name: tests.resolver.test_zonefile
"""Reads one zone file (RFC 1035 §5.1) into the records that SIP asks for.

Text in, values out; dnspython does the reading.  The file is somebody's own, written by hand:
every error names the file, the line and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import dns.exception
import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.zone
import dns.zonefile
from attrs import frozen

from sipmini.errors import BadSetting
from sipmini.resolver.names import check_domain, ip_literal
from sipmini.resolver.records import Address, Naptr, Record, Srv

if TYPE_CHECKING:
    from dns.rdata import Rdata

__all__ = ["MARKER", "MAX_ZONE_SIZE", "Node", "Zone", "parse_zone"]

#: A file that starts with this was written by sipmini and is written again by it.
MARKER = (
    "; Written by sipmini-proxy, and written again when it starts. Delete this line and the file is yours."
)

#: Larger files are refused: octets.
MAX_ZONE_SIZE = 4 * 1024 * 1024

#: Seconds for records that neither they nor a $TTL line give a time to live; the file is at hand anyway.
DEFAULT_TTL = 60

# $INCLUDE would read other files, $GENERATE make any number of records out of one line.
_DIRECTIVES = ("$ORIGIN", "$TTL")

_REMEDY = "correct that line; until then the zone's last good version, if there was one, stays in force"


@frozen
class Node:
    """All that a zone says of one name: records and their time to live by type, or another name."""

    records: Mapping[str, tuple[tuple[Record, ...], int]]
    alias: str = ""


@frozen
class Zone:
    """One zone file, read.

    :ivar origin: the name it owns, with all names below.
    :ivar file: the path it was read from, for messages.
    :ivar published: whether sipmini wrote it.
    :ivar nodes: what it says, by name; every name is canonical.
    """

    origin: str
    file: str
    published: bool
    nodes: Mapping[str, Node]


def parse_zone(file: str, stem: str, text: str) -> Zone:
    """Read *text*, the content of *file*.

    The origin is that of a $ORIGIN line that stands before the first record, else *stem*, the file's name
    without ``.zone``.  SOA and NS records are welcome and not required.  Raises BadSetting, naming the line.
    """
    origin = _origin(file, stem, text)
    zone = dns.zone.Zone(dns.name.from_text(origin), relativize=False)
    tokens = _Tokens(text, file)
    try:
        with zone.writer(True) as transaction:
            reader = dns.zonefile.Reader(
                tokens,
                dns.rdataclass.IN,
                transaction,
                allow_directives=_DIRECTIVES,
                default_ttl=DEFAULT_TTL,
            )
            reader.read()
    except (dns.exception.DNSException, ValueError, KeyError) as error:
        line = text.split("\n")[tokens.entry - 1 : tokens.entry] or [""]
        problem = f"{line[0].strip()[:80]!r} cannot be read ({_detail(error)})"
        raise BadSetting(problem, _REMEDY, file, tokens.entry) from None
    return Zone(origin, file, text.startswith(MARKER), _nodes(zone))


def _origin(file: str, stem: str, text: str) -> str:
    """The origin of a zone file, checked."""
    number: int | None = None
    origin = stem
    for index, line in enumerate(text.split("\n"), 1):
        words = line.partition(";")[0].split()
        if not words or words[0].upper() == "$TTL":
            continue
        if words[0].upper() == "$ORIGIN" and len(words) > 1:
            number, origin = index, words[1]
        break
    if number is not None and not origin.endswith("."):
        # RFC 1035 §5.1 makes it relative to the file's name, which is hardly ever meant.
        remedy = f"write $ORIGIN {origin[:80]}."
        raise BadSetting(f"$ORIGIN {origin[:80]} lacks the final dot", remedy, file, number)
    try:
        return check_domain(origin)
    except ValueError as error:
        remedy = "name the domain in a $ORIGIN line at the top, or call the file DOMAIN.zone"
        raise BadSetting(f"the zone's name: {error}", remedy, file, number) from None


class _Tokens(dns.tokenizer.Tokenizer):
    """A tokenizer that knows where the present entry begins.

    The line dnspython names is the one it has come to, which is the next one as soon as it has read
    the end of the line; for the person who looks for the mistake that is one too many.
    """

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text, file)
        self.entry = 1
        self._ended = False

    def get(self, want_leading: bool = False, want_comment: bool = False) -> dns.tokenizer.Token:
        """The next token; see dnspython."""
        if self._ended and self.ungotten_token is None:
            self.entry = self.line_number
        token = super().get(want_leading, want_comment)
        self._ended = token.is_eol()
        return token


_PLACE = re.compile(r"^.*:\d+: ", re.DOTALL)


def _detail(error: Exception) -> str:
    """What dnspython says is wrong, without the place, which stands elsewhere in the sentence."""
    return _PLACE.sub("", str(error)).strip().rstrip(".").replace("\n", " ")[:160] or "a syntax error"


def _nodes(zone: dns.zone.Zone) -> dict[str, Node]:
    """The records of *zone* as plain dictionaries: look-ups are many, and reading is rare."""
    nodes: dict[str, Node] = {}
    for name, node in zone.nodes.items():
        alias = ""
        records: dict[str, tuple[tuple[Record, ...], int]] = {}
        for rdataset in node.rdatasets:
            if rdataset.rdtype == dns.rdatatype.CNAME:
                alias = _text(rdataset[0].target)
            elif rdataset.rdtype in _CONVERTERS:
                kind = dns.rdatatype.to_text(rdataset.rdtype)
                convert = _CONVERTERS[rdataset.rdtype]
                records[kind] = tuple(convert(rdata) for rdata in rdataset), rdataset.ttl
        nodes[_text(name)] = Node(records, alias)
    return nodes


def _text(name: dns.name.Name) -> str:
    """*name* in lower case without the final dot; the root is the empty text."""
    return str(name.to_text(omit_final_dot=True)).lower() if name != dns.name.root else ""


def _address(rdata: Rdata) -> Record:
    address: str = rdata.address  # type: ignore[attr-defined]
    return Address(ip_literal(address) or address)


def _srv(rdata: Rdata) -> Record:
    return Srv(rdata.priority, rdata.weight, rdata.port, _text(rdata.target))  # type: ignore[attr-defined]


def _naptr(rdata: Rdata) -> Record:
    return Naptr(
        rdata.order,  # type: ignore[attr-defined]
        rdata.preference,  # type: ignore[attr-defined]
        rdata.flags.decode("ascii", "replace"),  # type: ignore[attr-defined]
        rdata.service.decode("ascii", "replace"),  # type: ignore[attr-defined]
        rdata.regexp.decode("ascii", "replace"),  # type: ignore[attr-defined]
        _text(rdata.replacement),  # type: ignore[attr-defined]
    )


_CONVERTERS = {
    dns.rdatatype.A: _address,
    dns.rdatatype.AAAA: _address,
    dns.rdatatype.SRV: _srv,
    dns.rdatatype.NAPTR: _naptr,
}
