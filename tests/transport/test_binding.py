"""Binding real sockets, on ports that the system chooses, and asking its routing table."""

from __future__ import annotations

import socket
from errno import EACCES, EADDRINUSE
from typing import Any
from unittest import mock

from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.trial.unittest import SynchronousTestCase

from sipmini.transport import binding
from sipmini.transport.binding import LocalAddresses, bind_datagram, bind_stream, is_taken


class Adopting:
    """A reactor that takes sockets over, as the ones for POSIX do; it keeps what it was given."""

    def __init__(self) -> None:
        self.adopted: list[tuple[Any, ...]] = []
        self.listened: list[tuple[Any, ...]] = []

    def adoptDatagramPort(self, descriptor: int, family: int, *rest: object) -> str:
        self.adopted.append((socket.socket(fileno=socket.dup(descriptor)), family, *rest))
        return "port"

    adoptStreamPort = adoptDatagramPort

    def listenUDP(self, *arguments: object, **named: object) -> str:
        self.listened.append((*arguments, named))
        return "port"

    listenTCP = listenUDP


class BindingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Adopting()

    def test_ipv6_alone(self) -> None:
        """A socket on :: hears IPv6 only, so that one on 0.0.0.0 finds room beside it."""
        try:
            bind_datagram(self.reactor, "::", 0, DatagramProtocol())
            bind_stream(self.reactor, "::", 0, Factory())
        except CannotListenError:
            return  # a machine without IPv6
        for bound, kind in zip(
            [each[0] for each in self.reactor.adopted], (socket.SOCK_DGRAM, socket.SOCK_STREAM), strict=True
        ):
            self.addCleanup(bound.close)
            self.assertEqual((bound.family, bound.type), (socket.AF_INET6, kind))
            self.assertEqual(bound.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 1)
            self.assertEqual(bound.getsockname()[0], "::")

    def test_others(self) -> None:
        """Any other address is bound by the reactor itself; datagrams may be as large as they get."""
        protocol, factory = DatagramProtocol(), Factory()
        self.assertEqual(bind_datagram(self.reactor, "127.0.0.1", 5060, protocol), "port")
        self.assertEqual(bind_stream(self.reactor, "::1", 5061, factory), "port")
        self.assertEqual(
            self.reactor.listened,
            [
                (5060, protocol, {"interface": "127.0.0.1", "maxPacketSize": 65536}),
                (5061, factory, {"backlog": 128, "interface": "::1"}),
            ],
        )

    def test_taken(self) -> None:
        """A port that somebody has is told from one that may not be had; no socket stays behind."""
        for code, taken in ((EADDRINUSE, True), (EACCES, False)):
            broken = mock.Mock()
            broken.bind.side_effect = OSError(code, "x")
            with mock.patch.object(binding.socket, "socket", return_value=broken):
                error = self.assertRaises(CannotListenError, bind_stream, self.reactor, "::", 1, Factory())
            self.assertEqual(is_taken(error), taken)
            broken.close.assert_called_once_with()

    def test_no_ipv6(self) -> None:
        """A host without IPv6 says so as one that cannot bind."""
        with mock.patch.object(binding.socket, "socket", side_effect=OSError(97, "no such family")):
            error = self.assertRaises(
                CannotListenError, bind_datagram, self.reactor, "::", 1, DatagramProtocol()
            )
        self.assertFalse(is_taken(error))

    def test_error_without_number(self) -> None:
        """An error that says nothing of why is not a port that is taken."""
        self.assertFalse(is_taken(CannotListenError("::", 1, Exception("x"))))


class LocalAddressesTests(SynchronousTestCase):
    def test_loopback(self) -> None:
        """The routing table knows the way to this host itself; the answer is remembered."""
        addresses = LocalAddresses()
        self.assertEqual(addresses("127.0.0.1"), "127.0.0.1")
        with mock.patch.object(binding.socket, "socket", side_effect=AssertionError):
            self.assertEqual(addresses("127.0.0.1"), "127.0.0.1")

    def test_no_way(self) -> None:
        """No route is an OSError, and nothing is remembered of it."""
        addresses = LocalAddresses()
        with mock.patch.object(binding.socket, "socket", side_effect=OSError("no route")):
            for _ in range(2):
                self.assertRaises(OSError, addresses, "2001:db8::1")

    def test_bounded(self) -> None:
        """What is remembered is bounded."""
        addresses = LocalAddresses()
        with mock.patch.object(LocalAddresses, "_ask", staticmethod(lambda remote: "192.0.2.1")):
            for number in range(5000):
                addresses(f"10.0.{number // 256}.{number % 256}")
        self.assertLessEqual(len(addresses._known), 4096)
