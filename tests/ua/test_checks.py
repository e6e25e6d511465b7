"""The checks of RFC 3261 §8.2, each by itself; their order is tested with the whole phone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.message import Request, make_request
from sipmini.ua.checks import REMEMBERED, Merged, check_content, check_method, check_require, check_target
from sipmini.ua.desk import Identity


def request(method: str = "INVITE", *, branch: str = "1", call: str = "1") -> Request:
    """A request."""
    fields = [
        ("Via", f"SIP/2.0/UDP x;branch=z9hG4bK{branch}"),
        ("From", "<sip:b@x>;tag=1"),
        ("Call-ID", call),
        ("CSeq", f"1 {method}"),
    ]
    return make_request(method, "sip:al%69ce@x", fields)


class Checks(SynchronousTestCase):
    """What is fine and what is not."""

    def test_fine(self) -> None:
        """§8.2: a plain INVITE passes; escapes in the user mean nothing (§19.1.4)."""
        invite = request()
        alice = Identity.of("alice@atlanta.com")
        self.assertIsNone(check_method(invite) or check_target(invite, alice))
        self.assertIsNone(check_require(invite) or check_content(invite))

    def test_never_for_ack_and_cancel(self) -> None:
        """§8.2.2.3: Require in ACK and CANCEL is passed over."""
        for method in ("ACK", "CANCEL"):
            made = request(method)
            self.assertIsNone(check_require(made.with_headers(made.headers.appended("Require", "x"))))

    def test_merged(self) -> None:
        """§8.2.2.2: another branch of the same request; the same one again is a retransmission."""
        now = [0.0]
        merged = Merged(lambda: now[0])
        self.assertIsNone(merged.check(request()))
        self.assertIsNone(merged.check(request()))
        refusal = merged.check(request(branch="2"))
        assert refusal is not None
        self.assertIs(refusal.reason.rule, reasons.MERGED_REQUEST)
        now[0] = 33.0
        self.assertIsNone(merged.check(request(branch="2")))

    def test_memory_is_bounded(self) -> None:
        """However many come, only the last few are remembered."""
        merged = Merged(lambda: 0.0)
        for number in range(2 * REMEMBERED):
            merged.check(request(call=str(number)))
        self.assertEqual(len(merged._seen), REMEMBERED)
        self.assertIsNone(merged.check(request(call="0", branch="2")))
