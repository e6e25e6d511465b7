"""The registration machine: RFC 3261 §10.2."""

from __future__ import annotations

from collections.abc import Callable

from automat import NoTransition
from automat._discover import findMachines
from twisted.trial.unittest import SynchronousTestCase

from sipmini.ua.registration import RegistrationEvents, RegistrationMachine

INPUTS: dict[str, Callable[[RegistrationEvents], None]] = {
    "register": lambda events: events.register(),
    "unregister": lambda events: events.unregister(),
    "succeeded": lambda events: events.succeeded(60),
    "too_brief": lambda events: events.too_brief(120),
    "failed": lambda events: events.failed(503, "Busy", 7),
    "due": lambda events: events.due(),
}

#: How each state is reached from the start.
PATHS: dict[str, list[str]] = {
    "Unregistered": [],
    "Registering": ["register"],
    "Registered": ["register", "succeeded"],
    "Waiting": ["register", "failed"],
    "Unregistering": ["register", "succeeded", "unregister"],
}

#: What each state does with each input: the next state, and what is done. What is not here changes nothing.
REGISTER = [("stop_timer",), ("send_register",)]
UNREGISTER = [("stop_timer",), ("send_unregister",)]
ROWS: dict[tuple[str, str], tuple[str, list[tuple[object, ...]]]] = {
    ("Unregistered", "register"): ("Registering", REGISTER),
    ("Registering", "succeeded"): ("Registered", [("registered", 60)]),
    ("Registering", "too_brief"): ("Registering", [("raise_expires", 120), ("send_register",)]),
    ("Registering", "failed"): ("Waiting", [("retry_later", 503, "Busy", 7)]),
    ("Registering", "register"): ("Registering", REGISTER),
    ("Registering", "unregister"): ("Unregistering", UNREGISTER),
    ("Registered", "due"): ("Registering", REGISTER),
    ("Registered", "register"): ("Registering", REGISTER),
    ("Registered", "unregister"): ("Unregistering", UNREGISTER),
    ("Waiting", "due"): ("Registering", REGISTER),
    ("Waiting", "register"): ("Registering", REGISTER),
    ("Waiting", "unregister"): ("Unregistering", UNREGISTER),
    ("Unregistering", "succeeded"): ("Unregistered", [("unregistered",)]),
    ("Unregistering", "failed"): ("Unregistered", [("not_unregistered", 503, "Busy")]),
    ("Unregistering", "register"): ("Registering", REGISTER),
}


class Recorder:
    """Actions that are written down."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.done.append((name, *arguments))


class TheMachine(SynchronousTestCase):
    """Every state and every input."""

    def test_every_pair(self) -> None:
        """The state it leads to and all that is done; only the user abandons a pending REGISTER (§10.2)."""
        for state, path in PATHS.items():
            for name, happen in INPUTS.items():
                with self.subTest(f"{state} {name}"):
                    recorder = Recorder()
                    machine = RegistrationMachine(recorder)  # type: ignore[arg-type]
                    for each in path:
                        INPUTS[each](machine)
                    transitioner = machine.__automat_transitioner__  # type: ignore[attr-defined]
                    self.assertEqual(transitioner._state.name, state)
                    recorder.done.clear()
                    try:
                        happen(machine)
                    except NoTransition as missing:
                        self.fail(str(missing))
                    expected = ROWS.get((state, name), (state, []))
                    self.assertEqual((transitioner._state.name, recorder.done), expected)

    def test_complete_and_reachable(self) -> None:
        """All states are in the table above, with a row for each input, and the machine can be drawn."""
        automaton = RegistrationMachine.__automat_automaton__
        self.assertEqual({state.name for state in automaton.states()}, set(PATHS))
        self.assertEqual(set(INPUTS), {name for name in vars(RegistrationEvents) if name[0] != "_"})
        self.assertEqual(len(automaton.allTransitions()), len(PATHS) * len(INPUTS))
        found = [name for name, _ in findMachines("sipmini.ua.registration")]
        self.assertEqual(found, ["sipmini.ua.registration.RegistrationMachine"])
