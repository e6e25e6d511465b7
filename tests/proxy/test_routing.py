"""Tests of route processing (RFC 3261 §16.4, §16.6 steps 3 to 6)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from sipmini.headers import Headers
from sipmini.message import Request
from sipmini.proxy.routing import arrived, forwarded, next_hop_uri
from sipmini.uri import SipUri

OWN = "sip:192.0.2.1:5060;lr"
OWN_TCP = "sip:192.0.2.1:5060;transport=tcp;lr"

#: Request-URI, Route lines; what they are afterwards, whether a Route of ours was there, whether a strict
#: router was made up for.
ARRIVALS = [
    ("sip:bob@biloxi.com", [], "sip:bob@biloxi.com", [], False, False),
    # §16.4: the first Route names us, and goes; a proxy that record-routed twice finds itself twice.
    ("sip:bob@x", [f"<{OWN}>"], "sip:bob@x", [], True, False),
    ("sip:bob@x", [f"<{OWN}>", f"<{OWN_TCP}>"], "sip:bob@x", [], True, False),
    ("sip:bob@x", [f"<{OWN}>,<{OWN_TCP}>, <sip:y;lr>"], "sip:bob@x", ["<sip:y;lr>"], True, False),
    (
        "sip:bob@x",
        [f"<{OWN}>", "<sip:y;lr>", f"<{OWN}>"],
        "sip:bob@x",
        ["<sip:y;lr>", f"<{OWN}>"],
        True,
        False,
    ),
    ("sip:bob@x", ["<sip:y;lr>", f"<{OWN}>"], "sip:bob@x", ["<sip:y;lr>", f"<{OWN}>"], False, False),
    ("sip:bob@x", [f'"Us" <{OWN}>;p=1'], "sip:bob@x", [], True, False),
    ("sip:bob@x", ["<tel:+1>"], "sip:bob@x", ["<tel:+1>"], False, False),
    # §16.4: a strict router put us into the Request-URI; what it was stands last in Route.
    (OWN, ["<sip:bob@x>"], "sip:bob@x", [], True, True),
    (OWN, ["<sip:y;lr>", "<sip:bob@x;p=1>"], "sip:bob@x;p=1", ["<sip:y;lr>"], True, True),
    (OWN, ["<sip:y;lr>,<sip:z;lr>, <sip:bob@x>"], "sip:bob@x", ["<sip:y;lr>", "<sip:z;lr>"], True, True),
    (OWN, [f"<{OWN_TCP}>", "<sip:bob@x>"], "sip:bob@x", [], True, True),
    # A Request-URI that we never put into a Record-Route is what it is.
    ("sip:192.0.2.1:5060", ["<sip:bob@x>"], "sip:192.0.2.1:5060", ["<sip:bob@x>"], False, False),
    ("sip:other;lr", ["<sip:bob@x>"], "sip:other;lr", ["<sip:bob@x>"], False, False),
    # §16.4: maddr that names us was only the way to us.
    ("sip:bob@x;maddr=192.0.2.1", [], "sip:bob@x", [], False, False),
    ("sip:bob@x:5060;maddr=192.0.2.1;transport=tcp;p=1", [], "sip:bob@x;p=1", [], False, False),
    ("sip:bob@x;MADDR=192.0.2.1", [], "sip:bob@x", [], False, False),
    ("sip:bob@x;maddr=192.0.2.9", [], "sip:bob@x;maddr=192.0.2.9", [], False, False),
    ("sip:bob@x:5070;maddr=192.0.2.1", [], "sip:bob@x:5070;maddr=192.0.2.1", [], False, False),
    ("sip:maddr@x", [], "sip:maddr@x", [], False, False),
    ("tel:+1;maddr=192.0.2.1", [], "tel:+1;maddr=192.0.2.1", [], False, False),
    ("sip:bob@x;maddr=192.0.2.1", [f"<{OWN}>"], "sip:bob@x", [], True, False),
    ("sip:bob@x;maddr=192.0.2.1", ["<sip:y;lr>"], "sip:bob@x;maddr=192.0.2.1", ["<sip:y;lr>"], False, False),
]


def own(uri: SipUri) -> bool:
    """Whether it is 192.0.2.1:5060."""
    return uri.host == "192.0.2.1" and (uri.port or 5060) == 5060


def request(uri: str, routes: Sequence[str] = (), *fields: tuple[str, str]) -> Request:
    lines = [("Via", "SIP/2.0/UDP a"), *[("Route", route) for route in routes], *fields]
    return Request("INVITE", uri, Headers.of(lines), b"body")


class Arriving(SynchronousTestCase):
    def test_arrived(self) -> None:
        """§16.4: what previous hops did to route a request here is undone."""
        for uri, routes, uri_after, routes_after, routed, repaired in ARRIVALS:
            with self.subTest(uri=uri, routes=routes):
                here = arrived(request(uri, routes), own)
                self.assertEqual((here.request.uri, here.request.values("Route")), (uri_after, routes_after))
                self.assertEqual((here.routed_here, here.repaired), (routed, repaired))
                first = None if here.next_route is None else str(here.next_route)
                self.assertEqual(first, routes_after[0] if routes_after else None)
                self.assertEqual(here.request.body, b"body")

    def test_untouched_requests_are_not_copied(self) -> None:
        """What has no Route and no maddr passes as the very same value."""
        given = request("sip:bob@x")
        self.assertIs(arrived(given, own).request, given)


class Leaving(SynchronousTestCase):
    def sent(self, *fields: tuple[str, str], record_routes: tuple[str, ...] = ()) -> Request:
        """The request with these fields as it leaves for bob's phone."""
        return forwarded(request("sip:bob@x", [], *fields), "sip:bob@phone", record_routes)

    def test_request_uri_max_forwards_and_content_length(self) -> None:
        """§16.6 steps 2, 3 and 9: lines keep their places, what is missing comes last."""
        length = ("Content-Length", "4")
        for fields, lines in (
            (
                (("Max-Forwards", "10"), length, ("Subject", "y")),
                (b"Max-Forwards: 9", b"Content-Length: 4", b"Subject: y"),
            ),
            ((length,), (b"Content-Length: 4", b"Max-Forwards: 70")),
            ((), (b"Max-Forwards: 70", b"Content-Length: 4")),
        ):
            with self.subTest(fields=fields):
                sent = self.sent(*fields)
                self.assertEqual(
                    (sent.method, sent.uri, sent.headers.lines, sent.body),
                    ("INVITE", "sip:bob@phone", (b"Via: SIP/2.0/UDP a", *lines), b"body"),
                )

    def test_record_route(self) -> None:
        """§16.6 step 4: before those of others, or after the last Via."""
        mine = ("sip:out;lr", "sip:in;lr")
        others = [("Via", "SIP/2.0/UDP b"), ("Subject", "y"), ("Record-Route", "<sip:z;lr>")]
        sent = self.sent(*others, record_routes=mine)
        self.assertEqual(sent.headers.names[:6], ("Via", "Via", "Subject", *["Record-Route"] * 3))
        self.assertEqual(sent.values("Record-Route"), ["<sip:out;lr>", "<sip:in;lr>", "<sip:z;lr>"])
        sent = self.sent(*others[:2], record_routes=mine[:1])
        self.assertEqual(sent.headers.names[:4], ("Via", "Via", "Record-Route", "Subject"))

    def test_next_hop(self) -> None:
        """§16.6 step 6: a loose router stays in Route, a strict one goes to the Request-URI."""
        for routes, uri, left, next_hop in (
            ([], "sip:bob@x", [], "sip:bob@x"),
            (["<sip:y;lr>"], "sip:bob@x", ["<sip:y;lr>"], "sip:y;lr"),
            (["<sip:y;LR=on>"], "sip:bob@x", ["<sip:y;LR=on>"], "sip:y;LR=on"),
            (["<sip:y>"], "sip:y", ["<sip:bob@x>"], "sip:y"),
            (["<sip:y>,<sip:z;lr>"], "sip:y", ["<sip:z;lr>", "<sip:bob@x>"], "sip:y"),
            (["<tel:+1>"], "sip:bob@x", ["<tel:+1>"], "tel:+1"),
        ):
            with self.subTest(routes=routes):
                sent, hop = next_hop_uri(request("sip:bob@x", routes))
                self.assertEqual((sent.uri, sent.values("Route"), hop), (uri, left, next_hop))
