"""What Via says about where a response goes, and how a server completes it.  Pure.

RFC 3261 §18.2.1 and §18.2.2, RFC 3581.  ``maddr`` in a Via is not followed: it would let
anybody aim our responses at anybody.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from sipmini.fields import Via
from sipmini.grammar import split_commas
from sipmini.message import Request

_VALUELESS_RPORT = re.compile(r";\s*rport\s*(?=;|$)", re.IGNORECASE)

DEFAULT_PORT = 5060


def same_address(one: str, other: str) -> bool:
    """Whether two hosts are one IP address, in whatever spelling; ``False`` if one is a name."""
    one, other = one.strip("[]"), other.strip("[]")
    if one == other:
        return True
    if ":" not in one or ":" not in other:
        return False
    try:
        return ip_address(one) == ip_address(other)
    except ValueError:
        return False


def marked(request: Request, remote: tuple[str, int]) -> Request:
    """*request* with ``received`` and ``rport`` of *remote* in its top Via where they belong.

    A ``received`` that came with the request was somebody else's claim and goes.
    """
    via = request.via
    params = via.params
    if "rport" not in params and "received" not in params and via.host == remote[0]:
        return request
    wants_rport = "rport" in params and not params["rport"]
    host, port = remote
    completed = _completed(via, host, port)
    if "received" in params or ("rport" in params and not wants_rport):
        text = str(completed)
    else:
        if not wants_rport and same_address(via.host, host):
            return request
        # As it was written, but for what is added.
        text = split_commas(request.headers.first("Via") or "")[0]
        if wants_rport:
            text = _VALUELESS_RPORT.sub(f";rport={port}", text, count=1)
        text += f";received={host}"
    return request.edited(request.headers.with_first_value("Via", text), "Via", completed)


def _completed(via: Via, host: str, port: int) -> Via:
    params = {name: value for name, value in via.params.items() if name not in ("received", "rport")}
    if "rport" in via.params:
        params["rport"] = str(port)
    if "rport" in via.params or not same_address(via.host, host):
        params["received"] = host
    return Via(via.transport, via.host, via.port, params, via.protocol)


def reply_address(request: Request, remote: tuple[str, int]) -> tuple[str, int]:
    """Where a datagram response to a marked *request* goes; its address is always *remote*'s (§18.2.2)."""
    via = request.via
    if via.rport is not None:
        return (remote[0], via.rport)
    return (remote[0], via.port or DEFAULT_PORT)
