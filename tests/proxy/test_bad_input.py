"""Whatever arrives, the proxy answers it by a rule or drops it by one, and nothing stays behind."""

from __future__ import annotations

from random import Random

from sipmini import codec
from sipmini.hop import Hop
from sipmini.journal import Decided
from sipmini.message import Response, clean_phrase
from tests.proxy.harness import OFFER, ProxyCase, answer
from tests.torture import SUITES, manifest, message


class BadInput(ProxyCase):
    """Messages of the torture suites, and good ones spoiled at random."""

    def setUp(self) -> None:
        super().setUp()
        self.reasons: set[tuple[int | None, str]] = set()
        for domain in ("example.com", "example.net", "biloxi.com"):
            self.yard.names.hops[domain] = [Hop("UDP", "192.0.2.20", 5060)]

    def swallow(self, data: bytes) -> None:
        """Send *data*, have bob refuse what reaches him, and see that each refusal of ours has its rule."""
        self.alice.write(data)
        self.yard.advance(0.05)
        for heard in self.bob.take():
            if not isinstance(heard, Response):
                self.bob.send(answer(heard, 404))
        # A refusal that nobody acknowledges comes again, so earlier reasons count as well.
        self.reasons |= {
            (entry.reason.status, clean_phrase(entry.reason.phrase))
            for entry in self.yard.entries
            if isinstance(entry, Decided)
        }
        self.yard.entries.clear()
        for raw in self.alice.raw:
            response = codec.decode(raw)
            assert isinstance(response, Response)
            if response.status >= 300 and response.phrase != "Answer":
                self.assertIn((response.status, response.phrase), self.reasons)
        self.alice.raw.clear()

    def alive(self) -> None:
        """The next good request is handled."""
        self.yard.advance(300)
        self.alice.take()
        self.bob.take()
        self.alice.send(self.alice.make("MESSAGE", "sip:bob@atlanta.com", call_id="alive"))
        self.bob.send(answer(self.bob.request("MESSAGE"), 200))
        self.assertEqual(self.alice.lines(), ["200"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_torture(self) -> None:
        """RFC 4475, RFC 5118, and captures of real agents."""
        for suite in SUITES:
            for name in manifest(suite):
                with self.subTest(suite=suite, name=name):
                    self.swallow(message(suite, name))
                    self.assertEqual(self.flushLoggedErrors(), [])
        self.alive()

    def test_spoiled_requests(self) -> None:
        """§7, §16.3: octets changed, left out, doubled and swapped, the same at each run."""
        good = [
            self.alice.make(
                method,
                "sip:bob@atlanta.com;transport=udp",
                "Route: <sip:192.0.2.1;lr>, <sip:192.0.2.20;lr>",
                'Record-Route: "x" <sip:192.0.2.7;lr>;p="q,r"',
                "Contact: <sip:alice@192.0.2.10>;expires=60",
                "Proxy-Require: a",
                "Max-Breadth: 3",
                body=OFFER,
            )
            for method in ("INVITE", "ACK", "BYE", "REGISTER", "CANCEL", "MESSAGE")
        ]
        random = Random(5)
        for number in range(1500):
            data = bytearray(random.choice(good))
            if random.random() < 0.5:
                data = data.replace(b"Proxy-Require: a\r\n", b"")
            for _ in range(random.randint(1, 4)):
                at = random.randrange(len(data))
                length = random.choice((1, 1, 1, 5, 40))
                piece = data[at : at + length]
                data[at : at + length] = random.choice(
                    (
                        b"",
                        piece * 2,
                        bytes([random.randrange(256)]),
                        random.choice((b"\r\n", b",", b";", b"<", b'"')),
                    )
                )
            with self.subTest(number=number):
                self.swallow(bytes(data))
                self.assertEqual(self.flushLoggedErrors(), [])
        self.alive()

    def test_spoiled_responses(self) -> None:
        """§16.7: of a callee who has gone mad."""
        random = Random(6)
        for number in range(300):
            self.alice.send(self.alice.make("INVITE", "sip:bob@atlanta.com", call_id=f"c{number}"))
            (invite,) = self.bob.take()[-1:]
            data = bytearray(answer(invite, random.choice((180, 200, 302, 404, 503, 600)), body=OFFER))
            for _ in range(random.randint(0, 3)):
                at = random.randrange(len(data))
                data[at : at + random.choice((1, 5))] = random.choice((b"", b"x", b"\r\n", b",", b"<"))
            with self.subTest(number=number):
                self.bob.send(bytes(data))
                self.bob.take()
                self.assertEqual(self.flushLoggedErrors(), [])
        self.alive()
