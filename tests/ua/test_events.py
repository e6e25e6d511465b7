"""The values the phone hands to its observers."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.events import KINDS, PhoneEvent


class PhoneEventTests(SynchronousTestCase):
    def test_as_dict_is_one_flat_object(self) -> None:
        event = PhoneEvent("state", 12.5, "The phone is ringing.", {"old": "idle", "new": "ringing"})
        self.assertEqual(
            json.loads(json.dumps(event.as_dict())),
            {"event": "state", "at": 12.5, "text": "The phone is ringing.", "old": "idle", "new": "ringing"},
        )

    def test_unknown_kind_is_refused(self) -> None:
        with self.assertRaises(ValueError):
            PhoneEvent("sneezed", 0.0, "Bless you.")

    def test_fields_cannot_be_changed(self) -> None:
        source: dict[str, object] = {"until": 1.0}
        event = PhoneEvent("registered", 0.0, "Registered.", source)
        source["until"] = 2.0
        self.assertEqual(event.fields["until"], 1.0)
        with self.assertRaises(TypeError):
            event.fields["until"] = 3.0  # type: ignore[index]

    def test_every_kind_has_a_name_a_program_can_use(self) -> None:
        for kind in KINDS:
            self.assertRegex(kind, r"\A[a-z_-]+\Z")
