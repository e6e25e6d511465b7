"""A transaction machine on its own: everything it does is written down with the time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sipmini.testing import VirtualClock
from sipmini.transaction import Timers, TimerValues

#: One effect: when (seconds), what, and with what.
Effect = tuple[Any, ...]


class Bench(SynchronousTestCase):
    """Runs a machine and compares everything that it does."""

    def setUp(self) -> None:
        self.clock = VirtualClock()
        self.timers = Timers(self.clock)
        self.values = TimerValues()
        self.effects: list[Effect] = []

    def note(self, what: str) -> Callable[..., None]:
        """Something for the machine to call."""

        def called(*arguments: object) -> None:
            self.effects.append((round(self.clock.seconds(), 6), what, *arguments))

        return called

    def expect(self, *effects: Effect) -> None:
        """Exactly these effects since the last look."""
        found, self.effects[:] = list(self.effects), []
        self.assertEqual(found, list(effects))

    def at(self, seconds: float) -> None:
        """Let time pass until *seconds* after the start."""
        self.clock.advance(seconds - self.clock.seconds())

    def expect_idle(self) -> None:
        """No timer is left, and nothing more happens."""
        self.assertEqual(self.timers.pending, 0)
        self.clock.advance(1000)
        self.expect()

    def expect_state(self, machine: Any, name: str) -> None:
        """The machine is in this state."""
        self.assertEqual(machine.__automat_transitioner__._state.name, name)

    def expect_table(self, machine: Any, rows: str, impossible: dict[str, str]) -> None:
        """The table of a machine, whole.

        :param rows: ``Old input New`` a line; ``Old input -`` where the input changes nothing.
        :param impossible: the inputs that cannot come in a state; together with the rows, these are
            all pairs there are.
        """
        automaton = machine.__automat_automaton__
        found = {
            (old.name, text, "-" if "returns" in outputs[0].method.__qualname__ else new.name)
            for old, text, new, outputs in automaton.allTransitions()
        }
        expected = {tuple(line.split()) for line in rows.strip().splitlines()}
        self.assertEqual(_named(found), _named(expected))
        states = {state.name for state in automaton.states()}
        pairs = {(state, each) for state in states for each in automaton.inputAlphabet()}
        cannot = {(state, each) for state, inputs in impossible.items() for each in inputs.split()}
        covered = {(old, text) for old, text, _ in found}
        self.assertEqual(covered & cannot, set(), "these were said to be impossible")
        self.assertEqual(covered | cannot, pairs, "these are neither handled nor impossible")
        self.assertEqual(_reachable(automaton), states)


def _named(rows: Iterable[tuple[str, ...]]) -> list[str]:
    return sorted(" ".join(row) for row in rows)


def _reachable(automaton: Any) -> set[str]:
    """The states that lead from the initial one."""
    found = {automaton.initialState.name}
    while True:
        more = {new.name for old, _, new, _ in automaton.allTransitions() if old.name in found} - found
        if not more:
            return found
        found |= more
