"""Requests that a transaction derives from its INVITE: ACK and CANCEL.  Pure."""

from __future__ import annotations

from sipmini.headers import Headers, format_line
from sipmini.message import Request, Response

_OF_ACK = frozenset({"Route", "From", "Call-ID", "Max-Forwards"})
_OF_CANCEL = frozenset({"Route", "From", "To", "Call-ID", "Max-Forwards"})


def acknowledgement(invite: Request, response: Response) -> Request:
    """The ACK for a 300-699 *response* to *invite* (§17.1.1.3).

    Top Via, Request-URI, Route, From, Call-ID and CSeq number of the INVITE, To of the response.
    """
    fields = _derived(invite, "ACK", _OF_ACK)
    fields.insert(1, ("To", response.headers.lines_of("To")[0]))
    return _request(invite, "ACK", fields)


def cancellation(invite: Request) -> Request:
    """The CANCEL for *invite* as it was sent (§9.1): one Via, the same Request-URI, Routes and CSeq."""
    return _request(invite, "CANCEL", _derived(invite, "CANCEL", _OF_CANCEL))


def _derived(invite: Request, method: str, kept: frozenset[str]) -> list[tuple[str, bytes]]:
    headers = invite.headers
    fields = [("Via", format_line("Via", str(invite.via)))]
    fields += [(name, line) for name, line in zip(headers.names, headers.lines, strict=True) if name in kept]
    fields.append(("CSeq", format_line("CSeq", f"{invite.cseq.number} {method}")))
    fields.append(("Content-Length", b"Content-Length: 0"))
    return fields


def _request(invite: Request, method: str, fields: list[tuple[str, bytes]]) -> Request:
    names = tuple([name for name, _ in fields])
    return Request(method, invite.uri, Headers(names, tuple([line for _, line in fields])))
