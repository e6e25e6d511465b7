"""The torture messages, sent one by one as datagrams to a phone (RFC 4475, RFC 5118, captures).

What comes of each must be among the outcomes that its manifest accepts, and what was refused names its rule.
Run twice: where the phone is somebody else's, and where it is that of the user the request is for.
"""

from __future__ import annotations

import re

from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase

from sipmini.codec import decode
from sipmini.errors import MalformedMessage
from sipmini.journal import Decided
from sipmini.message import Request
from sipmini.testing import SimulatedNetwork
from sipmini.uri import SipUri
from tests import torture
from tests.ua.harness import Names, Subscriber

PHONE = "192.0.2.251"
TESTER = "192.0.2.252"

#: What differs from the manifest, and why.
EXCEPTIONS = {
    # An INVITE of RFC 2543 without Contact: the dialog would have no remote target, nowhere to send BYE
    # (RFC 3261 §8.1.1.8 and §12.1.1 demand one).  A proxy forwards it all the same.
    "inv2543": "400",
}

_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9][0-9]) ")


class LiveCase(SynchronousTestCase):
    right_user = False

    def play(self, suite: str) -> None:
        """Send all messages of a suite, each to a phone of its own."""
        wrong = []
        for name, entry in torture.manifest(suite).items():
            outcomes, rules = self.outcome(suite, name)
            accepted = self.accepted(suite, name, entry["acceptable_over_udp"])
            if not outcomes <= accepted and outcomes != {EXCEPTIONS.get(name)}:
                wrong.append(f"{suite}/{name}: {sorted(outcomes)} {rules}, not {sorted(accepted)}")
            refused = outcomes == {"discard"} or any(
                outcome >= "300" for outcome in outcomes if outcome.isdigit()
            )
            if refused and not rules:
                wrong.append(f"{suite}/{name}: {sorted(outcomes)} without a rule")
        self.assertEqual(wrong, [], "\n" + "\n".join(wrong))

    def accepted(self, suite: str, name: str, outcomes: list[str]) -> set[str]:
        """What a phone may do.

        Where a proxy forwards, it rings; it is no registrar (§8.2.1); and before it looks for extensions it
        looks whom the request is for (§8.2.2.1).
        """
        accepted = {"ringing" if outcome == "forward" else outcome for outcome in outcomes}
        if torture.message(suite, name).startswith(b"REGISTER ") and accepted != {"400"}:
            accepted |= {"405", "501"}
        if not self.right_user and torture.manifest(suite)[name]["kind"] == "request" and accepted != {"400"}:
            accepted.add("404")
        return accepted

    def outcome(self, suite: str, name: str) -> tuple[set[str], list[str]]:
        data = torture.message(suite, name)
        network = SimulatedNetwork(1)
        phone = Subscriber(network, self.user(data), PHONE, Names())
        socket = network.host(TESTER).listenUDP(5060, DatagramProtocol(), maxPacketSize=65535)
        socket.write(data, (PHONE, 5060))
        network.advance(0.5)
        outcomes = set()
        for packet in network.trace:
            status = _STATUS.match(packet.data) if packet.source[0] == PHONE else None
            if status is not None and status[1] != b"100":
                outcomes.add("ringing" if status[1] == b"180" else status[1].decode())
        rules = [entry.reason.rule.name for entry in phone.entries if isinstance(entry, Decided)]
        if phone.phone.state == "ringing":
            phone.phone.hangup()
        network.advance(400)
        self.assertEqual(
            (phone.phone.state, phone.stack.transactions.count, phone.media_ports), ("idle", 0, []), name
        )
        return outcomes or {"discard"}, rules

    def user(self, data: bytes) -> str:
        """Whose phone it is."""
        if self.right_user:
            try:
                message = decode(data)
                target = message.target if isinstance(message, Request) else None
            except (MalformedMessage, ValueError):
                target = None
            if isinstance(target, SipUri) and target.user and target.user.isalnum():
                return f"{target.user}@{target.host}"
        return "alice@atlanta.com"


class SomebodyElse(LiveCase):
    """A phone that none of the requests is for."""

    def test_rfc4475(self) -> None:
        self.play("rfc4475")

    def test_rfc5118(self) -> None:
        self.play("rfc5118")

    def test_captured(self) -> None:
        self.play("captured")


class TheRightUser(LiveCase):
    """The phone of the user that a request is for."""

    right_user = True

    def test_rfc4475(self) -> None:
        self.play("rfc4475")

    def test_rfc5118(self) -> None:
        self.play("rfc5118")

    def test_captured(self) -> None:
        self.play("captured")

    def test_what_reaches_the_user(self) -> None:
        """Valid INVITEs ring; OPTIONS is answered as the INVITE would be (RFC 3261 §11.2)."""
        torture.manifest("rfc4475")
        for name, outcome in {
            "longreq": "ringing",
            "esc01": "404",
            "lwsdisp": "200",
            "transports": "200",
            "zeromf": "200",
            "bext01": "420",
            "invut": "415",
            "badvers": "505",
            "clerr": "400",
        }.items():
            self.assertEqual(self.outcome("rfc4475", name)[0], {outcome}, name)
