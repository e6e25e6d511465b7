"""The exceptions and their sentences."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini import errors, reasons
from sipmini.message import make_request


class ErrorTests(SynchronousTestCase):
    def test_one_tree(self) -> None:
        kinds = [
            value
            for value in vars(errors).values()
            if isinstance(value, type) and issubclass(value, Exception)
        ]
        for kind in kinds:
            self.assertTrue(issubclass(kind, errors.SipminiError), kind)
            self.assertTrue(kind.__doc__, kind)

    def test_what_somebody_sent(self) -> None:
        message = make_request("ACK", "sip:b", [])
        error = errors.MalformedMessage(reasons.MISSING_HEADER.because("Via"), message)
        self.assertEqual(str(error), "missing-header (RFC 3261 §8.1.1): Via")
        self.assertIs(error.message, message)
        self.assertIsNone(errors.MalformedMessage(reasons.NOT_SIP.because()).message)
        self.assertEqual(
            str(errors.Unresolvable(reasons.NAME_LOOKUP_FAILED.because("a.com")))[-7:], ": a.com"
        )

    def test_values_that_are_malformed_are_value_errors(self) -> None:
        for kind in (errors.MalformedUri, errors.MalformedValue):
            self.assertTrue(issubclass(kind, ValueError))

    def test_a_bad_setting_is_one_sentence(self) -> None:
        for arguments, sentence in [
            (("it is broken", "mend it", "a.toml", 3), "a.toml, line 3: it is broken; mend it"),
            (("it is broken", "mend it", "a.toml"), "a.toml: it is broken; mend it"),
            (("it is broken", "mend it"), "it is broken; mend it"),
            (("it is broken", ""), "it is broken"),
        ]:
            error = errors.BadSetting(*arguments)  # type: ignore[arg-type]
            self.assertEqual(str(error), sentence)
            self.assertEqual((error.problem, error.remedy), arguments[:2])
