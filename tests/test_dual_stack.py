"""One proxy on all addresses of a host, between a phone on IPv6 and UDP and one on IPv4 and TCP."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from sipmini.codec import decode
from sipmini.config import ListenSpec
from sipmini.location import MemoryLocation
from sipmini.message import Request
from sipmini.proxy_service import ProxyService
from sipmini.testing import SimulatedNetwork
from sipmini.ua_service import PhoneService
from sipmini.uri import parse_sip_uri
from tests.folders import new_folder
from tests.trapezoid import phone_settings, proxy_settings


class DualStack(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = SimulatedNetwork(1)
        self.state = new_folder(self)
        self.proxy = ProxyService(
            self.network.host("192.0.2.1", "2001:db8::1"),
            proxy_settings("atlanta.com", (), self.state),
            lambda sentence: None,
            lambda remote: "2001:db8::1" if ":" in remote else "192.0.2.1",
            location=MemoryLocation(self.network.seconds),
        )
        self.proxy.startService()
        self.alice = self.phone("alice", "2001:db8::10", "UDP", "sip:[2001:db8::1]:8000")
        self.bob = self.phone("bob", "192.0.2.20", "TCP", "sip:192.0.2.1:8000;transport=tcp")
        self.network.advance(1)
        self.network.trace.clear()

    def phone(self, name: str, address: str, transport: str, proxy: str) -> PhoneService:
        settings = phone_settings(f"{name}@atlanta.com", ListenSpec(transport, address, 5060), self.state)
        settings = evolve(settings, proxy=parse_sip_uri(proxy))
        service = PhoneService(
            self.network.host(address), settings, lambda sentence: None, lambda remote: address
        )
        service.startService()
        return service

    def heard(self, method: str, address: str) -> Request:
        """The one request of this method that came to this address."""
        (packet,) = [
            packet
            for packet in self.network.trace
            if packet.destination[0] == address and packet.data.startswith(method.encode())
        ]
        message = decode(packet.data)
        assert isinstance(message, Request)
        return message

    def test_calls(self) -> None:
        """RFC 3261 §16.6 step 4, RFC 5658: the proxy names itself twice, as either side reaches it."""
        six, four = "<sip:[2001:db8::1]:8000;lr>", "<sip:192.0.2.1:8000;transport=tcp;lr>"
        for caller, callee, address, routes in (
            (self.alice, self.bob, "192.0.2.20", [four, six]),
            (self.bob, self.alice, "2001:db8::10", [six, four]),
        ):
            with self.subTest(caller=caller.phone.user):
                caller.phone.call(callee.phone.user)
                self.network.advance(1)
                self.assertEqual(self.heard("INVITE", address).values("Record-Route"), routes)
                callee.phone.answer()
                self.network.advance(1)
                self.assertEqual((caller.phone.state, callee.phone.state), ("talking", "talking"))
                callee.phone.hangup()
                self.network.advance(1)
                self.assertEqual((caller.phone.state, callee.phone.state), ("idle", "idle"))
                self.assertEqual(len(self.heard("ACK", address).vias), 2)
                self.network.trace.clear()
        self.network.advance(70)
        for service in (self.proxy, self.alice, self.bob):
            self.assertEqual(service.stack.transactions.count, 0)
