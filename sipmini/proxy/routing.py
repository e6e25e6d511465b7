"""Route information: repairing and popping it before targets are sought, applying it after.

RFC 3261 §16.4 and §16.6 steps 4 to 7.  Pure.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from sipmini.fields import NameAddr, parse_name_addr
from sipmini.headers import Headers
from sipmini.message import Request
from sipmini.uri import SipUri, parse_uri


@frozen
class Arrived:
    """A request after §16.4.

    :ivar request: with our own Route values popped and strict routing undone.
    :ivar routed_here: whether a Route of ours was popped: the sender chose to come through here.
    :ivar repaired: whether a strict router was made up for.
    :ivar next_route: the Route value that is first now, ``None`` if there is none.
    """

    request: Request
    routed_here: bool
    repaired: bool
    next_route: NameAddr | None


def arrived(request: Request, is_own_place: Callable[[SipUri], bool]) -> Arrived:
    """Undo what previous hops did to route *request* here (§16.4)."""
    if "Route" not in request.headers.names:
        return Arrived(_without_own_maddr(request, is_own_place), False, False, None)
    repaired = False
    uri = request.target
    if isinstance(uri, SipUri) and uri.has_param("lr") and is_own_place(uri):
        request = _strict_undone(request)
        repaired = True
    routed_here = repaired
    route = _first_route(request)
    while route is not None and isinstance(route.uri, SipUri) and is_own_place(route.uri):
        request = request.edited(request.headers.without_first_value("Route"), "Route")
        routed_here = True
        route = _first_route(request)
    if route is None:
        request = _without_own_maddr(request, is_own_place)
    return Arrived(request, routed_here, repaired, route)


def _first_route(request: Request) -> NameAddr | None:
    values = request.headers.values("Route")
    return parse_name_addr(values[0]) if values else None


def _strict_undone(request: Request) -> Request:
    """The last Route value becomes the Request-URI again."""
    routes = request.headers.values("Route")
    last = parse_name_addr(routes[-1])
    headers = request.headers.without("Route")
    for route in reversed(routes[:-1]):
        headers = headers.prepended("Route", route)
    return Request(request.method, last.uri_text, headers, request.body)


def _without_own_maddr(request: Request, is_own_place: Callable[[SipUri], bool]) -> Request:
    """§16.4: a maddr that names us was only the way to us; it goes, with port and transport."""
    if "maddr" not in request.uri.lower():
        return request
    uri = request.target
    if not isinstance(uri, SipUri):
        return request
    maddr = uri.param("maddr")
    if not maddr or not is_own_place(SipUri("sip", None, maddr, uri.port)):
        return request
    bare = uri.without_params("maddr", "transport").replace(port=None)
    return Request(request.method, str(bare), request.headers, request.body)


def forwarded(request: Request, uri_text: str, record_routes: tuple[str, ...] = ()) -> Request:
    """*request* as it leaves, but for our Via (§16.6).

    Request-URI, Max-Forwards, Record-Route, and Content-Length, which a stream needs.

    :param record_routes: our Record-Route values, the one of the outgoing side first.
    """
    headers = request.headers
    names, lines = list(headers.names), list(headers.lines)
    left = request.max_forwards
    if left is None:
        names.append("Max-Forwards")
        lines.append(b"Max-Forwards: 70")
    else:
        lines[names.index("Max-Forwards")] = b"Max-Forwards: %d" % (left - 1)
    if "Content-Length" not in names:
        names.append("Content-Length")
        lines.append(b"Content-Length: %d" % len(request.body))
    if record_routes:
        at = names.index("Record-Route") if "Record-Route" in names else _after_vias(names)
        for value in reversed(record_routes):
            names.insert(at, "Record-Route")
            lines.insert(at, f"Record-Route: <{value}>".encode())
    return request.edited(Headers(tuple(names), tuple(lines)), "Max-Forwards", uri=uri_text)


def _after_vias(names: list[str]) -> int:
    return len(names) - names[::-1].index("Via")


def next_hop_uri(request: Request) -> tuple[Request, str]:
    """The request with strict routing applied where its first Route asks for it, and the URI to send to.

    §16.6 steps 6 and 7: a first Route without ``lr`` is a strict router, which wants to find
    itself in the Request-URI, and the Request-URI last in Route.
    """
    route = _first_route(request)
    if route is None:
        return request, request.uri
    uri = parse_uri(route.uri_text)
    if not isinstance(uri, SipUri) or uri.has_param("lr"):
        return request, route.uri_text
    headers = request.headers.without_first_value("Route").appended("Route", f"<{request.uri}>")
    return Request(request.method, route.uri_text, headers, request.body), route.uri_text
