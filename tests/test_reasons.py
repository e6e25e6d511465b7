"""The rules by which messages are refused, dropped and rewritten."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.message import clean_phrase


class RuleTests(SynchronousTestCase):
    def test_each_rule_says_all_that_a_person_asks(self) -> None:
        for name, rule in reasons.RULES.items():
            self.assertEqual(rule.name, name)
            self.assertRegex(name, r"^[a-z0-9]+(-[a-z0-9]+)*$")
            self.assertRegex(rule.rfc, r"^RFC \d+ §\d+(\.\d+)*$", name)
            self.assertTrue(rule.status is None or 300 <= rule.status <= 699, name)
            self.assertEqual(clean_phrase(rule.phrase), rule.phrase, name)
            self.assertTrue(rule.phrase and rule.hint, name)
            self.assertRegex(rule.hint, r"[.;?]$", name)

    def test_each_rule_is_a_constant_of_the_module(self) -> None:
        constants = {value.name for value in vars(reasons).values() if isinstance(value, reasons.Rule)}
        self.assertEqual(constants, set(reasons.RULES))

    def test_a_name_is_given_once(self) -> None:
        with self.assertRaisesRegex(ValueError, "two rules are called max-forwards"):
            reasons._rule("max-forwards", "RFC 3261 §16.3", 483, "Too Many Hops", "x")

    def test_a_reason(self) -> None:
        reason = reasons.MISSING_HEADER.because("Via")
        self.assertEqual((reason.status, reason.phrase), (400, "Missing Header Field (Via)"))
        self.assertEqual(str(reason), "missing-header (RFC 3261 §8.1.1): Via")
        plain = reasons.STRAY_ACK.because()
        self.assertEqual((plain.status, plain.phrase), (None, reasons.STRAY_ACK.phrase))
        self.assertEqual(str(plain), "stray-ack (RFC 3261 §17.2.3)")

    def test_a_short_reason(self) -> None:
        """The status line has it in few words, logs have the whole (RFC 3261 §7.2)."""
        reason = reasons.MISSING_HEADER.because("Via: asked here, asked there", "Via")
        self.assertEqual(reason.phrase, "Missing Header Field (Via)")
        self.assertEqual(str(reason), "missing-header (RFC 3261 §8.1.1): Via: asked here, asked there")
        self.assertEqual(reason, reasons.MISSING_HEADER.because("Via: asked here, asked there"))

    def test_sections_of_rfc_3261_exist(self) -> None:
        """Its chapters go up to 29."""
        for rule in reasons.RULES.values():
            found = re.fullmatch(r"RFC 3261 §(\d+).*", rule.rfc)
            self.assertTrue(found is None or 1 <= int(found[1]) <= 29, rule.name)
