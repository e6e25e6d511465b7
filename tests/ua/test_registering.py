"""Registering against a registrar that answers as it likes: RFC 3261 §10.2, RFC 5626 §4.5."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.hop import Hop
from sipmini.message import Request
from sipmini.ua.registering import EXPIRES, REMEDY, retry_delay
from tests.ua.console.fake import live_in_utc
from tests.ua.harness import EPOCH, Peer, Scene

CONTACT = "<sip:alice@192.0.2.1:5060>"


class Registering(SynchronousTestCase):
    """alice registers; the test answers."""

    def setUp(self) -> None:
        self.scene = Scene()
        self.alice = self.scene.alice
        self.phone = self.alice.phone
        self.peer = self.scene.peer()

    def register(self) -> Request:
        """The REGISTER that the command sends."""
        self.phone.register()
        return self.peer.request("REGISTER")

    def grant(self, request: Request, seconds: int = 3600, contact: str = CONTACT) -> None:
        """200 with the binding."""
        self.peer.answer(request, 200, fields=[("Contact", f"{contact};expires={seconds}")])

    def test_register(self) -> None:
        """§10.2: what stands in it; the expiry that the 200 gives is the one that counts."""
        request = self.register()
        self.assertEqual((request.uri, request.first("Route")), ("sip:atlanta.com", None))
        self.assertEqual(
            (str(request.to), request.from_.uri_text),
            (
                '"Alice" <sip:alice@atlanta.com>',
                "sip:alice@atlanta.com",
            ),
        )
        self.assertEqual((request.first("Contact"), request.expires), (CONTACT, EXPIRES))
        self.assertEqual(str(request.cseq), "1 REGISTER")
        others = f'"x" <sip:carol@192.0.2.7>;expires=9, {CONTACT};expires=600'
        self.peer.answer(request, 200, fields=[("Contact", others)])
        until = self.phone.registered_until
        assert until is not None
        self.assertAlmostEqual(until - EPOCH, 600, 0)
        self.assertEqual(self.alice.event("registered").fields["until"], until)
        self.assertEqual(self.alice.told, ["registered"])

    def test_refresh(self) -> None:
        """§10.2.4: before it runs out, with the same Call-ID and the next CSeq."""
        first = self.register()
        self.grant(first, 600)
        self.scene.advance(500)
        self.assertEqual(self.peer.take(), [])
        self.scene.advance(40)
        again = self.peer.request("REGISTER")
        self.assertEqual((again.call_id, again.cseq.number), (first.call_id, 2))
        self.assertEqual(again.from_.tag, first.from_.tag)
        self.grant(again, 600)
        self.assertEqual(self.alice.told, ["registered", "registered"])

    def test_again_while_one_waits(self) -> None:
        """A new register starts at once; what the abandoned one is told does not count any more."""
        first = self.register()
        self.assertTrue(self.phone.registering)
        second = self.register()
        self.assertEqual((first.cseq.number, second.cseq.number), (1, 2))
        self.peer.answer(first, 500)
        self.assertEqual(self.alice.told, [])
        self.grant(second)
        self.grant(first)
        self.scene.advance(100)
        self.assertEqual(self.alice.told, ["registered"])
        self.assertFalse(self.phone.registering)

    def test_no_answer_to_an_abandoned_one(self) -> None:
        """Nor does its silence."""
        self.register()
        self.scene.advance(31)
        self.peer.take()
        second = self.register()
        self.scene.advance(1.5)
        self.assertEqual(self.alice.told, ["silence"])
        self.grant(second)

    def test_another_proxy_while_one_waits(self) -> None:
        """What the old registrar grants all the same is taken back there (§10.2.2)."""
        first = self.register()
        other = Peer(self.scene.network, "192.0.2.3")
        self.phone.register("sip:192.0.2.3")
        self.peer.answer(first, 100, tag=None)
        self.grant(first)
        self.assertIn(0, [each.expires for each in self.peer.take()])
        self.assertIsNone(self.phone.registered_until)
        self.peer.answer(first, 200)
        other.answer(other.request("REGISTER"), 200, fields=[("Contact", CONTACT)])
        self.assertEqual(self.alice.told, ["registered"])

    def test_registered_at_another_proxy(self) -> None:
        """The binding of the old registrar is taken back there, before the new one is asked."""
        for status, told in ((200, []), (500, ["error"])):
            self.phone.register("sip:192.0.2.2")
            self.grant(self.peer.request("REGISTER"))
            other = Peer(self.scene.network, f"192.0.2.{status // 100 + 10}")
            self.assertIsNotNone(self.phone.registered_until)
            self.alice.told  # noqa: B018
            self.phone.register(f"sip:{other.address}")
            self.assertIsNone(self.phone.registered_until)
            old, new = self.peer.request("REGISTER"), other.request("REGISTER")
            self.assertEqual((old.expires, new.expires, old.call_id), (0, EXPIRES, new.call_id))
            self.assertLess(old.cseq.number, new.cseq.number)
            self.peer.answer(old, 100, tag=None)
            self.peer.answer(old, status, fields=[])
            self.assertEqual(self.alice.told, told)
            other.answer(new, 200, fields=[("Contact", CONTACT)])
            self.phone.unregister()
            other.answer(other.request("REGISTER"), 200, fields=[])
            self.alice.told  # noqa: B018

    def test_old_registrar_is_silent(self) -> None:
        """The user is told how long the binding there lasts."""
        live_in_utc(self)
        self.phone.register("sip:192.0.2.2")
        self.grant(self.peer.request("REGISTER"), 3600)
        self.phone.register("sip:192.0.2.9")
        self.scene.advance(32)
        text = "sip:192.0.2.2 did not answer; the binding there lasts until 14:46."
        self.assertEqual(self.alice.event("error").text, text)

    def test_expires_of_the_message(self) -> None:
        """§10.2.4: without an expires parameter the Expires field counts, without that what we asked."""
        for fields, seconds in (
            ([("Contact", CONTACT), ("Expires", "300")], 300),
            ([("Contact", CONTACT)], EXPIRES),
            ([("Contact", "<sip:else@192.0.2.7>;expires=5")], EXPIRES),
            ([("Contact", f"{CONTACT};expires=abc")], EXPIRES),
            ([("Contact", f"{CONTACT};expires=99999999")], 604_800),
        ):
            request = self.register()
            self.peer.answer(request, 200, fields=fields)
            until = self.phone.registered_until
            assert until is not None
            self.assertAlmostEqual(until - EPOCH - self.scene.network.seconds(), seconds, 0)
        self.assertEqual(self.alice.decided, ["malformed-response"])

    def test_no_time_granted(self) -> None:
        """A 200 that binds for 0 seconds is no registration."""
        self.grant(self.register(), 0)
        self.assertIsNone(self.phone.registered_until)
        self.assertIn("granted no time", str(self.alice.event("registration-failed").fields["reason"]))

    def test_interval_too_brief(self) -> None:
        """§10.2.8: 423: again at once with Min-Expires; one that makes no sense is a failure."""
        request = self.register()
        self.peer.answer(request, 100, tag=None)
        self.peer.answer(request, 423, fields=[("Min-Expires", "7200")])
        again = self.peer.request("REGISTER")
        self.assertEqual((again.expires, again.cseq.number), (7200, 2))
        self.peer.answer(again, 423, fields=[("Min-Expires", "10")])
        self.assertEqual(self.alice.told, ["registration-failed"])

    def test_back_off(self) -> None:
        """RFC 5626 §4.5: a short wait, then longer ones up to half an hour; success resets them."""
        request = self.register()
        waits = []
        for _ in range(10):
            self.peer.answer(request, 500)
            wait = self.alice.event("registration-failed").fields["retry"]
            assert isinstance(wait, float)
            self.scene.advance(wait - 1)
            self.assertEqual(self.peer.take(), [])
            self.scene.advance(1)
            request = self.peer.request("REGISTER")
            waits.append(wait)
        for number, most in enumerate((4, 30, 60, 120, 240, 480, 960, 1800, 1800, 1800)):
            self.assertTrue(most / 2 <= waits[number] <= most, waits)
        self.grant(request)
        self.peer.answer(self.register(), 500)
        self.assertLessEqual(self.alice.event("registration-failed").fields["retry"], 4)

    def test_retry_delay(self) -> None:
        """RFC 5626 §4.5: between a half and the whole of the bound."""
        self.assertEqual((retry_delay(1, 0.0), retry_delay(2, 0.0), retry_delay(2, 1.0)), (2.0, 15.0, 30.0))
        self.assertEqual(retry_delay(10_000, 1.0), 1800.0)

    def test_retry_after(self) -> None:
        """§21.5.4: the registrar's Retry-After is waited for; one that cannot be read is not."""
        self.peer.answer(self.register(), 503, fields=[("Retry-After", "120;duration=60 (soon)")])
        self.assertEqual(self.alice.event("registration-failed").fields["retry"], 120.0)
        self.peer.answer(self.register(), 503, fields=[("Retry-After", "soon")])
        self.assertLessEqual(self.alice.event("registration-failed").fields["retry"], 4)

    def test_failed_refresh(self) -> None:
        """The binding holds until it runs out; then the user is told, and the phone goes on trying."""
        self.grant(self.register(), 60)
        self.scene.advance(54)
        self.peer.answer(self.peer.request("REGISTER"), 500)
        self.assertIsNotNone(self.phone.registered_until)
        self.scene.advance(6)
        self.assertIsNone(self.phone.registered_until)
        self.assertEqual(self.alice.told, ["registered", "registration-failed", "unregistered"])
        self.grant(self.peer.request("REGISTER"), 60)
        self.assertEqual(self.alice.told, ["registered"])

    def test_no_answer(self) -> None:
        """§8.1.3.1: no answer is a 408, a name without address a 503."""
        self.register()
        self.scene.advance(32)
        self.assertEqual(self.alice.event("registration-failed").fields["status"], 408)
        self.scene.names.hops.clear()
        self.phone.register()
        self.assertEqual(self.alice.event("registration-failed").fields["status"], 503)

    def test_unregister(self) -> None:
        """§10.2.2: the same Contact with Expires 0; only a 200 says that the binding is gone."""
        live_in_utc(self)
        for status, kind in ((200, "unregistered"), (423, "registration-failed")):
            self.grant(self.register())
            self.phone.unregister()
            request = self.peer.request("REGISTER")
            self.assertEqual((request.first("Contact"), request.expires), (CONTACT, 0))
            self.peer.answer(request, status, fields=[])
            self.assertIsNone(self.phone.registered_until)
            last = self.alice.events[-1]
            self.assertEqual(self.alice.told, ["registered", kind])
        self.assertEqual(
            last.text,
            "The registrar did not take it back: 423; the binding of alice@atlanta.com lasts until 14:46.",
        )
        self.scene.advance(4000)
        self.assertEqual(self.peer.take(), [])

    def test_unregister_while_one_waits(self) -> None:
        """It is taken back at once, whether or not the registrar has it already."""
        self.register()
        self.phone.unregister()
        self.assertEqual([each.expires for each in self.peer.take()], [0])
        self.scene.advance(33)
        self.assertEqual(
            self.alice.event("registration-failed").text,
            "The registrar did not answer; a binding that it may have of alice@atlanta.com "
            "lasts until it runs out.",
        )
        self.assertEqual(self.alice.told, ["registration-failed"])

    def test_with_oneself(self) -> None:
        """A domain that leads to this phone is not asked, nor soon again."""
        self.scene.names.hops["atlanta"] = [Hop("UDP", "192.0.2.1", 5060)]
        self.phone.register()
        failed = self.alice.event("registration-failed")
        why = "atlanta.com leads to 192.0.2.1:5060, which is this phone itself"
        self.assertEqual(failed.text, f"{why}; {REMEDY}.")
        self.assertEqual(dict(failed.fields), {"status": 503, "reason": why, "retry": 1800.0})
        self.assertEqual(self.alice.told, ["registration-failed"])
        self.scene.advance(1000)
        self.assertEqual(self.alice.told, [])
        self.scene.names.hops["atlanta"] = [Hop("UDP", "192.0.2.2", 5060)]
        self.grant(self.register())
        self.assertEqual(self.alice.told, ["registered"])

    def test_no_registrar(self) -> None:
        """405 and 501: what answers is something else, such as a phone."""
        for status, phrase in ((405, "Method Not Allowed"), (501, "Not Implemented")):
            self.peer.answer(self.register(), status, phrase=phrase)
            self.assertEqual(
                self.alice.event("registration-failed").text,
                f"192.0.2.2:5060 is no registrar: it answers {status} {phrase}; {REMEDY}.",
            )
            self.alice.events.clear()
            self.scene.advance(1000)
            self.assertEqual(self.alice.told, [])
        self.peer.answer(self.register(), 500)
        self.assertLess(self.alice.event("registration-failed").fields["retry"], 5)

    def test_another_proxy(self) -> None:
        """A proxy that is set is where REGISTER goes; what undoes it goes where it was done."""
        self.scene.names.hops.clear()
        self.phone.register("sip:192.0.2.2:5060")
        self.grant(self.peer.request("REGISTER"))
        self.assertEqual(self.phone.proxy, "sip:192.0.2.2:5060")
        self.phone.set_proxy("sip:192.0.2.9")
        self.phone.unregister()
        self.assertEqual(self.peer.request("REGISTER").expires, 0)

    def test_another_user(self) -> None:
        """§10.2.2: the old user's binding is taken back; the new user has a Call-ID of its own."""
        first = self.register()
        self.grant(first)
        self.phone.set_user("alice@atlanta.com")
        self.assertEqual(self.peer.take(), [])
        self.phone.set_user("carol@biloxi.com")
        self.assertEqual((self.phone.user, self.phone.registered_until), ("carol@biloxi.com", None))
        old = self.peer.request("REGISTER")
        self.assertEqual((old.to.uri_text, old.first("Contact")), ("sip:alice@atlanta.com", CONTACT))
        self.peer.answer(old, 200, fields=[])
        self.phone.set_proxy("192.0.2.2:5060")
        new = self.register()
        self.assertEqual((new.to.uri_text, new.uri), ("sip:carol@biloxi.com", "sip:biloxi.com"))
        self.assertNotEqual(new.call_id, first.call_id)

    def test_stop(self) -> None:
        """Stopping forgets the timers."""
        self.grant(self.register())
        self.phone.stop()
        self.scene.advance(4000)
        self.assertEqual((self.peer.take(), self.phone.registered_until), ([], None))
