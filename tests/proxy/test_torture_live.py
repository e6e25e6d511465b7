"""The torture messages, sent one by one as datagrams to the assembled proxy (RFC 4475, RFC 5118, captures).

What comes of each must be among the outcomes that its manifest accepts, and what was refused names its rule.
Run twice: where nobody is registered, and where everybody is.
"""

from __future__ import annotations

import re
from random import Random

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from sipmini.codec import check, decode
from sipmini.config import ListenSpec, ProxySettings
from sipmini.errors import MalformedMessage
from sipmini.journal import Decided
from sipmini.location import Binding, MemoryLocation, Put
from sipmini.message import Request
from sipmini.proxy_service import ProxyService
from sipmini.testing import Packet, SimulatedNetwork
from sipmini.uri import SipUri
from tests import torture
from tests.folders import new_folder

PROXY = "192.0.2.251"
PROXY_SIX = "2001:db8::251"
TESTER = "192.0.2.252"
PHONE = "192.0.2.253"

DOMAINS = ("example.com", "example.net", "example.org", "registrar.example.com", "sip.cybercity.dk")

_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9]) ")
_REQUEST = re.compile(rb"\S+ \S+ SIP/2\.0\r\n")


class Yard:
    """The proxy of the example domains, a tester, and a phone that hears and never answers."""

    def __init__(self, case: SynchronousTestCase) -> None:
        self.network = SimulatedNetwork(1)
        host = self.network.host(PROXY, PROXY_SIX)
        self.location = MemoryLocation(host.seconds)
        settings = ProxySettings(
            domains=DOMAINS,
            listen=(ListenSpec(None, PROXY, 5060), ListenSpec(None, PROXY_SIX, 5060)),
            state_dir=new_folder(case),
            dns=False,
            message_log=False,
        )
        random = Random(1)
        self.entries: list[Decided] = []
        self.service = ProxyService(
            host,
            settings,
            announce=lambda sentence: None,
            local_address=lambda peer: PROXY_SIX if ":" in peer else PROXY,
            token=lambda: f"{random.getrandbits(64):016x}",
            random=random,
            location=self.location,
        )
        self.service.journal.observe(self.entries.append, Decided)
        self.service.startService()
        self.socket = self.network.host(TESTER).listenUDP(5060, DatagramProtocol(), maxPacketSize=65535)
        self.network.host(PHONE).listenUDP(5060, DatagramProtocol(), maxPacketSize=65535)

    def register(self, address: str) -> None:
        """Bind the phone to an address of record."""
        binding = Binding(address, f"sip:phone@{PHONE}", 1000, "registered-before", 1, 1e9, "")
        self.location.apply(address, [Put(binding)])

    def send(self, data: bytes) -> set[str]:
        """What comes of a datagram: final status codes, ``forward``, or ``discard`` if nothing does."""
        self.network.trace.clear()
        self.socket.write(data, (PROXY, 5060))
        self.network.advance(0.5)
        seen = {outcome for packet in self.network.trace if (outcome := self._outcome(packet)) is not None}
        return seen or {"discard"}

    def _outcome(self, packet: Packet) -> str | None:
        if packet.source[0] not in (PROXY, PROXY_SIX, "127.0.0.1"):
            return None
        status = _STATUS.match(packet.data)
        if status is not None:
            return None if status[1] < b"200" else status[1].decode()
        to_others = packet.destination[0] != TESTER
        return "forward" if to_others and (_REQUEST.match(packet.data) or packet.kind == "SYN") else None


class LiveCase(SynchronousTestCase):
    everybody = False

    def play(self, suite: str) -> None:
        """Send all messages of a suite, each to a proxy of its own."""
        wrong = []
        for name, entry in torture.manifest(suite).items():
            outcomes, rules = self.outcome(suite, name)
            accepted = set(entry["acceptable_over_udp"])
            if not outcomes <= accepted:
                wrong.append(f"{suite}/{name}: {sorted(outcomes)} {rules}, not {sorted(accepted)}")
            refused = outcomes == {"discard"} or any(
                code >= "300" for code in outcomes - {"forward", "discard"}
            )
            if refused and not rules:
                wrong.append(f"{suite}/{name}: {sorted(outcomes)} without a rule")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def outcome(self, suite: str, name: str) -> tuple[set[str], list[str]]:
        data = torture.message(suite, name)
        yard = Yard(self)
        yard.register("sip:bystander@example.com")
        if self.everybody:
            self.register_target(yard, data)
        outcomes = yard.send(data)
        rules = [entry.reason.rule.name for entry in yard.entries]
        self.rest(yard, name)
        return outcomes, rules

    def register_target(self, yard: Yard, data: bytes) -> None:
        """Bind a phone to whom the message is for, if that can be read."""
        try:
            message = decode(data)
        except MalformedMessage:
            return
        if isinstance(message, Request) and message.method != "REGISTER" and check(message) is None:
            target = message.target
            if isinstance(target, SipUri) and target.host in DOMAINS:
                yard.register(target.address_of_record())

    def rest(self, yard: Yard, name: str) -> None:
        """Nothing is stuck, no binding is lost, and the next request is served."""
        yard.network.advance(400)
        transactions = yard.service.stack.transactions
        self.assertEqual((transactions.count, yard.service.stack.timers.pending), (0, 0), name)
        self.assertEqual(
            len(yard.location.bindings("sip:bystander@example.com", yard.network.seconds())), 1, name
        )
        register = (
            f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP {TESTER}:5060;branch=z9hG4bKnext\r\n"
            "From: <sip:bystander@example.com>;tag=1\r\nTo: <sip:bystander@example.com>\r\n"
            "Call-ID: next\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(yard.send(register.encode()), {"200"}, name)
        yard.service.stopService()
        yard.network.advance(1)


class NobodyIsRegistered(LiveCase):
    """A proxy that owns the example domains and knows none of the users."""

    def test_rfc4475(self) -> None:
        self.play("rfc4475")

    def test_rfc5118(self) -> None:
        self.play("rfc5118")

    def test_captured(self) -> None:
        self.play("captured")


class EverybodyIsRegistered(LiveCase):
    """The same, with a phone for each user that a request is for."""

    everybody = True

    def test_rfc4475(self) -> None:
        self.play("rfc4475")

    def test_rfc5118(self) -> None:
        self.play("rfc5118")

    def test_captured(self) -> None:
        self.play("captured")

    def test_who_is_forwarded(self) -> None:
        """Valid requests for a registered user reach the phone (RFC 4475 §3.1.1)."""
        for name in (
            "esc01",
            "intmeth",
            "longreq",
            "lwsdisp",
            "semiuri",
            "transports",
            "badbranch",
            "inv2543",
            "sdp01",
        ):
            torture.manifest("rfc4475")
            self.assertEqual(self.outcome("rfc4475", name)[0], {"forward"}, name)
