"""Tests of a binding as a value."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from sipmini.location.binding import Binding
from sipmini.location.database import COLUMNS
from tests.location.helpers import DESK, START


class BindingTests(SynchronousTestCase):
    def test_expires_in_whole_seconds(self) -> None:
        """RFC 3261 §10.3 step 8: what is left is a number of seconds, never 0 while the binding lasts."""
        lefts = [DESK.expires_in(START + gone) for gone in (0, 0.4, 1, 3599.9, 3600, 4000)]
        self.assertEqual(lefts, [3600, 3600, 3599, 1, 0, 0])

    def test_columns_are_the_fields(self) -> None:
        """A row of the file is a binding, field by field."""
        self.assertEqual(COLUMNS.split(", "), [field.name for field in Binding.__attrs_attrs__])
