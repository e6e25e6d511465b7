"""Binding the sockets that settings ask for, and saying so: for the proxy's and the phone's service."""

from __future__ import annotations

from errno import EACCES, EADDRNOTAVAIL

from twisted.internet.error import CannotListenError

from sipmini.config import ListenSpec
from sipmini.errors import BadSetting
from sipmini.stack import Stack
from sipmini.transport import WILDCARDS, Listening
from sipmini.transport.binding import is_taken

#: How many ports after the default one are tried when it is taken.
PORTS_TRIED = 100


def listen_on(stack: Stack, spec: ListenSpec) -> None:
    """Bind what *spec* names: one transport, or UDP and TCP on one port (RFC 3261 §18.1.1).

    :raises BadSetting: the address cannot be had.
    """
    if spec.transport is None:
        _listen_on_both(stack, spec)
        return
    _listen(stack, spec.transport, spec.host, spec.port)


def _listen(stack: Stack, transport: str, host: str, port: int) -> Listening:
    try:
        return stack.listen(transport, host, port)
    except CannotListenError as error:
        raise _cannot_listen(error, host, port, transport) from None


def _listen_on_both(stack: Stack, spec: ListenSpec) -> None:
    for tries_left in reversed(range(PORTS_TRIED)):
        # What is bound first is published as what is liked best (RFC 3263 §4.1).
        first = _listen(stack, "UDP", spec.host, spec.port)
        try:
            stack.listen("TCP", spec.host, first.port)
        except CannotListenError as error:
            stack.transports.close(first)
            # A port that the system chose may be free for one transport alone: another will do.
            if spec.port == 0 and tries_left and is_taken(error):
                continue
            raise _cannot_listen(error, spec.host, first.port, "TCP") from None
        return


def listen_everywhere(stack: Stack, default_port: int) -> int:
    """Bind UDP and TCP of all addresses on the default port, or on the next one that is free for all.

    :return: the port.
    :raises BadSetting: none of them can be had.
    """
    for port in range(default_port, default_port + PORTS_TRIED):
        try:
            _listen_on_port(stack, port)
        except CannotListenError as error:
            stack.stop()
            if not is_taken(error):
                raise _cannot_listen(error, "all addresses", port) from None
        else:
            return port
    raise BadSetting(
        f"ports {default_port} to {default_port + PORTS_TRIED - 1} are all taken",
        "choose another with --listen, for example --listen 127.0.0.1:9000",
    )


def _listen_on_port(stack: Stack, port: int) -> None:
    for host in ("0.0.0.0", "::"):
        for transport in ("UDP", "TCP"):
            try:
                stack.listen(transport, host, port)
            except CannotListenError as error:
                if host == "::" and not is_taken(error):
                    return  # a host without IPv6
                raise


def in_words(listening: list[Listening]) -> str:
    """What is listened on, for a person."""
    places: dict[tuple[str, int], list[str]] = {}
    for each in listening:
        host = "all addresses" if each.host in WILDCARDS else each.host
        transports = places.setdefault((host, each.port), [])
        if each.transport not in transports:
            transports.append(each.transport)
    return ", ".join(
        [f"{' and '.join(transports)} port {port} of {host}" for (host, port), transports in places.items()]
    )


def _cannot_listen(error: CannotListenError, host: str, port: int, transport: str = "") -> BadSetting:
    where = f"{transport} port {port} of {host}".strip()
    if is_taken(error):
        remedy = "choose another address or port with --listen, or end that program"
        return BadSetting(f"{where} is taken by another program", remedy)
    why = getattr(error.socketError, "strerror", None) or str(error.socketError)
    remedy = _REMEDIES.get(getattr(error.socketError, "errno", 0), "choose another with --listen")
    return BadSetting(f"cannot listen on {where} ({why})", remedy)


_REMEDIES = {
    EADDRNOTAVAIL: "name an address of this machine with --listen",
    EACCES: "choose a port above 1023 with --listen, or let this user have that one",
}
