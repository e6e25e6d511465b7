"""The tests' own way of running programs, so that a failure elsewhere can be believed."""

from __future__ import annotations

import os
import sys
from unittest import mock

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.integration.programs import REQUIRED, IntegrationTestCase, need


class ProgramTests(IntegrationTestCase):
    async def test_what_is_said_and_the_status(self) -> None:
        """Output is found whether it came before or after it was asked for, also at the end."""
        program = self.start(sys.executable, "-c", "print('one'); print('got', input()); raise SystemExit(3)")
        await program.said("^one$")
        program.say("two")
        match = await program.said("^got (.*)$")
        self.assertEqual(match[1], "two")
        self.assertEqual(await program.exited(), 3)
        self.assertEqual((await program.said("one"))[0], "one")

    async def test_a_program_that_ends_without_saying_it(self) -> None:
        """The failure shows the output."""
        program = self.start(sys.executable, "-c", "print('something else')")
        error = await self.assertFailure(program.said("never"), AssertionError)
        self.assertIn("something else", str(error))

    async def test_a_program_that_says_it_too_late(self) -> None:
        """A wait has an end, after which the program can still be waited for."""
        program = self.start(sys.executable, "-c", "print('up'); input()")
        await program.said("up")
        error = await self.assertFailure(program.said("never", within=0.01), AssertionError)
        self.assertIn("did not say 'never' within 0.01 s", str(error))
        program.signal("KILL")
        self.assertEqual(await program.exited(), -9)


class NeedTests(SynchronousTestCase):
    def test_a_missing_program_skips_by_name(self) -> None:
        """Unless the environment says that nothing may be missing, as in CI."""
        with mock.patch.dict(os.environ):
            os.environ.pop(REQUIRED, None)
            skip = self.assertRaises(SkipTest, need, "no-such-program")
            self.assertIn("no-such-program is not installed", str(skip))
            os.environ[REQUIRED] = "1"
            self.assertRaises(AssertionError, need, "no-such-program")
