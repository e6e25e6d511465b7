"""Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3).  Pure."""

from __future__ import annotations

from sipmini.fields import Via
from sipmini.message import Request, Response

Key = tuple[str, ...]

_DEFAULT_PORTS = {"TLS": 5061, "WSS": 443, "WS": 80}


def server_key(request: Request, method: str | None = None) -> Key:
    """The key of the server transaction that *request* starts or belongs to.

    An ACK has the key of its INVITE.  A request without the RFC 3261 cookie in its branch is
    matched by the RFC 2543 procedure: Request-URI, From tag, Call-ID, CSeq number and top Via.
    The To tag of that procedure is left out, as an ACK's is that of the response and a CANCEL's
    that of the request; From tag, Call-ID and CSeq number do not repeat within a dialog.

    :param method: the method to look for instead of the request's own (for CANCEL).
    """
    via = request.via
    wanted = method or request.method
    if wanted == "ACK":
        wanted = "INVITE"
    if via.has_unique_branch:
        return (via.branch, _sent_by(via), wanted)
    return (
        request.uri,
        request.from_.tag or "",
        request.call_id,
        str(request.cseq.number),
        f"{via.transport} {_sent_by(via)} {via.branch}",
        wanted,
    )


def client_key(response: Response) -> Key:
    """The key of the client transaction that *response* answers."""
    return (response.via.branch, response.cseq.method)


def _sent_by(via: Via) -> str:
    port = via.port if via.port is not None else _DEFAULT_PORTS.get(via.transport, 5060)
    return f"{via.host.lower()}:{port}"
