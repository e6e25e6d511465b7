"""What each command does to the phone, and what it says."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from sipmini.codec import decode
from sipmini.errors import Misuse
from sipmini.ua.console.actions import ACTIONS, Context, Reply
from sipmini.ua.console.commands import COMMANDS, parse
from tests.ua.console.fake import BOB, NOON, FakeCall, FakePhone, live_in_utc

RINGING = b"\r\n".join(
    [
        b"SIP/2.0 180 Ringing",
        b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
        b"From: <sip:alice@atlanta.com>;tag=a",
        b"To: <sip:bob@biloxi.com>;tag=b",
        b"Call-ID: 1@192.0.2.1",
        b"CSeq: 1 INVITE",
        b"Content-Length: 0",
        b"",
        b"",
    ]
)


class ActionTests(SynchronousTestCase):
    def setUp(self) -> None:
        live_in_utc(self)
        self.phone = FakePhone()

    def do(self, line: str) -> Reply:
        command = parse(line)
        assert command is not None
        return ACTIONS[command.verb.name](Context(self.phone, 60.0, NOON + 60), command)

    def test_every_command_that_takes_no_time_has_an_action(self) -> None:
        names = {verb.name for verb in COMMANDS} - {"wait", "expect", "sleep", "exit"}
        self.assertEqual(set(ACTIONS), names)

    def test_call(self) -> None:
        self.assertEqual(
            self.do("invite bob@biloxi.com"), Reply("Calling bob@biloxi.com.", {"target": "bob@biloxi.com"})
        )
        self.phone.becomes("idle")
        self.assertEqual(self.do("call").text, "Calling bob@biloxi.com.")
        self.phone.becomes("idle")
        self.assertEqual(
            self.do("call Carol Doe <sip:carol@atlanta.com>").text, "Calling sip:carol@atlanta.com."
        )
        self.assertEqual(
            self.phone.done, ["call bob@biloxi.com", "call bob@biloxi.com", "call sip:carol@atlanta.com"]
        )

    def test_call_of_nobody(self) -> None:
        problem = self.assertRaises(Misuse, self.do, "call")
        self.assertEqual(str(problem), "call: nobody was called yet; name someone, as in call bob@biloxi.com")

    def test_answer_and_decline(self) -> None:
        self.phone.state = "ringing"
        self.assertEqual((self.do("a").text, self.do("decline").text), ("Answering.", "Declining."))
        self.assertEqual(self.phone.done, ["answer", "decline"])

    def test_q_by_state(self) -> None:
        said = {}
        for state in ("inviting", "ringing_back", "ringing", "talking"):
            self.phone.state = state
            said[state] = self.do("q").text
        self.assertEqual(
            said,
            {
                "inviting": "Cancelling.",
                "ringing_back": "Cancelling.",
                "ringing": "Declining.",
                "talking": "Hanging up.",
            },
        )
        self.assertEqual(self.phone.done, [f"hangup {state}" for state in said])
        problem = self.assertRaises(Misuse, self.do, "q")
        self.assertEqual(str(problem), "There is no call to end; to leave the phone: exit")

    def test_register(self) -> None:
        self.assertEqual(self.do("register"), Reply("Registering alice@atlanta.com.", {"proxy": None}))
        self.assertEqual(
            self.do("register sip:127.0.0.1:8000"),
            Reply("Registering alice@atlanta.com with sip:127.0.0.1:8000.", {"proxy": "sip:127.0.0.1:8000"}),
        )
        self.phone.is_registered()
        self.assertEqual(self.do("unregister").text, "Taking the registration back.")
        self.assertEqual(self.phone.done, ["register None", "register sip:127.0.0.1:8000", "unregister"])

    def test_user_and_proxy(self) -> None:
        self.assertEqual(self.do("user?"), Reply("alice@atlanta.com", {"user": "alice@atlanta.com"}))
        self.assertEqual(
            self.do("user carol@atlanta.com"), Reply("carol@atlanta.com", {"user": "carol@atlanta.com"})
        )
        self.assertEqual(
            self.do("proxy"), Reply("No proxy is set; the domain of the user is looked up.", {"proxy": None})
        )
        self.assertEqual(
            self.do("proxy sip:[::1]:8000"), Reply("sip:[::1]:8000", {"proxy": "sip:[::1]:8000"})
        )
        self.assertEqual(self.do("proxy?").text, "sip:[::1]:8000")
        self.assertRaises(Misuse, self.do, "user carol")

    def test_state(self) -> None:
        self.phone.is_registered(240)
        self.assertEqual(
            self.do("state"),
            Reply(
                "idle, registered until 12:04",
                {"state": "idle", "peer": None, "talking_seconds": None, "registered_until": NOON + 240},
            ),
        )
        self.phone.state, self.phone.peer, self.phone.talking_since = "talking", BOB, 48.0
        reply = self.do("state")
        self.assertEqual(reply.text, "talking 00:12 with Bob <sip:bob@biloxi.com>, registered until 12:04")
        self.assertEqual((reply.data["peer"], reply.data["talking_seconds"]), (BOB, 12.0))

    def test_reset_state(self) -> None:
        self.phone.state = "talking"
        self.assertEqual(self.do("reset state"), Reply("The phone is idle.", {"state": "idle"}))

    def test_last_data_is_the_decoded_message(self) -> None:
        self.assertEqual(self.do("last data"), Reply("Nothing arrived yet.", {"message": None}))
        self.phone.last_message = decode(RINGING)
        reply = self.do("last data")
        self.assertEqual(json.loads(reply.text), reply.data["message"])
        self.assertEqual(
            json.loads(reply.text)["Request"],
            {"Method": "response", "Response Code": 180, "Response Description": "Ringing"},
        )

    def test_dest_user(self) -> None:
        self.assertEqual(self.do("dest user"), Reply("Nobody was called yet.", {"destination": None}))
        self.phone.destination = "bob@biloxi.com"
        self.assertEqual(self.do("dest user"), Reply("bob@biloxi.com", {"destination": "bob@biloxi.com"}))

    def test_history(self) -> None:
        self.assertEqual(self.do("history"), Reply("There were no calls yet.", {"calls": []}))
        self.phone.history = [
            FakeCall(NOON, "out", BOB, "answered", 5.0),
            FakeCall(NOON + 9, "in", BOB, "missed", 0.0),
        ]
        reply = self.do("history")
        self.assertEqual(
            reply.text.split("\n"),
            [
                "12:00  out  Bob <sip:bob@biloxi.com>  answered  00:05",
                "12:00  in   Bob <sip:bob@biloxi.com>  missed",
            ],
        )
        self.assertEqual(
            reply.data["calls"],
            [
                {"when": NOON, "direction": "out", "peer": BOB, "outcome": "answered", "seconds": 5.0},
                {"when": NOON + 9, "direction": "in", "peer": BOB, "outcome": "missed", "seconds": 0.0},
            ],
        )

    def test_options(self) -> None:
        self.assertEqual(self.do("options sip:biloxi.com").text, "Asking sip:biloxi.com what it supports.")
        self.assertEqual(self.phone.done, ["options sip:biloxi.com"])

    def test_help(self) -> None:
        text = self.do("help").text
        self.assertIn("wait STATE [SECONDS]", text)
        self.assertTrue(self.do("help wait").text.startswith("wait STATE [SECONDS]: Wait until"))
        self.assertTrue(self.do("help reset state").text.startswith("reset state: "))
