"""The call machine: the exercise's transitions, and what RFC 3261 needs between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from automat import NoTransition
from twisted.trial.unittest import SynchronousTestCase

from sipmini import reasons
from sipmini.message import make_request, make_response
from sipmini.ua.call import VISIBLE, CallEvents, CallMachine

REQUEST = make_request("INVITE", "sip:bob@biloxi.com", [("Call-ID", "1")])
RESPONSE = make_response(REQUEST, 200)
BYE = make_request("BYE", "sip:bob@biloxi.com", [("Call-ID", "1")])
REASON = reasons.NOT_ANSWERED.because("60 s")
TRANSACTION: Any = object()

#: Every input, called with arguments that do.
INPUTS: dict[str, Callable[[CallEvents], None]] = {
    "call": lambda call: call.call(),
    "answer": lambda call: call.answer(),
    "hang_up": lambda call: call.hang_up(None),
    "provisional": lambda call: call.provisional(RESPONSE),
    "ringing": lambda call: call.ringing(RESPONSE),
    "accepted": lambda call: call.accepted(RESPONSE),
    "accepted_again": lambda call: call.accepted_again(RESPONSE),
    "accepted_elsewhere": lambda call: call.accepted_elsewhere(RESPONSE),
    "rejected": lambda call: call.rejected(603, "Decline"),
    "invited": lambda call: call.invited(),
    "cancelled": lambda call: call.cancelled(),
    "expired": lambda call: call.expired(REASON),
    "unreachable": lambda call: call.unreachable(),
    "acknowledged": lambda call: call.acknowledged(),
    "ack_missing": lambda call: call.ack_missing(),
    "bye_received": lambda call: call.bye_received(BYE, TRANSACTION),
    "bye_answered": lambda call: call.bye_answered(),
    "dialog_lost": lambda call: call.dialog_lost(481, "Call Does Not Exist"),
}

#: How each state is reached from the start.
PATHS: dict[str, list[str]] = {
    "Idle": [],
    "Calling": ["call"],
    "Proceeding": ["call", "provisional"],
    "RingingBack": ["call", "ringing"],
    "CancelWaiting": ["call", "hang_up"],
    "Cancelling": ["call", "provisional", "hang_up"],
    "Ringing": ["invited"],
    "Answered": ["invited", "answer"],
    "Leaving": ["invited", "answer", "hang_up"],
    "Talking": ["call", "accepted"],
    "HangingUp": ["call", "accepted", "hang_up"],
    "Ended": ["call", "rejected"],
}


class Recorder:
    """Actions that write down their names and what they were given beside messages."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def act(*arguments: object) -> None:
            self.done.append(
                (name, *(each for each in arguments if each not in (RESPONSE, BYE, TRANSACTION)))
            )

        return act


class Driven:
    """A machine that can be driven by the names of its inputs."""

    def __init__(self, *path: str) -> None:
        self.actions = Recorder()
        self.machine = CallMachine(self.actions)
        for each in path:
            self(each)
        self.actions.done.clear()

    def __call__(self, name: str) -> None:
        INPUTS[name](self.machine)

    @property
    def state(self) -> str:
        """The name of the state."""
        return str(self.machine.__automat_transitioner__._state.name)  # type: ignore[attr-defined]

    @property
    def visible(self) -> str:
        """What a person sees of it."""
        return VISIBLE[self.state]


#: The exercise's table: what happens, seen from the phone; the state before; the state after; how the machine
#: gets to the state before; the inputs that stand for what happens; the message that leaves with it, if any.
EXERCISE = (
    ("INVITE sent", "idle", "inviting", [], ["call"], "send_invite"),
    ("180 arrives", "inviting", "ringing_back", ["call"], ["ringing"], None),
    ("INVITE fails", "inviting", "idle", ["call"], ["rejected"], None),
    ("INVITE arrives", "idle", "ringing", [], ["invited"], None),
    ("200 arrives", "ringing_back", "talking", ["call", "ringing"], ["accepted"], "establish"),
    ("200 arrives without a 180", "inviting", "talking", ["call"], ["accepted"], "establish"),
    (
        "answered and ACK arrives",
        "ringing",
        "talking",
        ["invited"],
        ["answer", "acknowledged"],
        "send_answer",
    ),
    ("603 arrives", "ringing_back", "idle", ["call", "ringing"], ["rejected"], None),
    ("CANCEL sent", "ringing_back", "idle", ["call", "ringing"], ["hang_up"], "send_cancel"),
    ("603 sent", "ringing", "idle", ["invited"], ["hang_up"], "refuse"),
    ("CANCEL arrives", "ringing", "idle", ["invited"], ["cancelled"], "refuse_for_cancel"),
    ("BYE sent", "talking", "idle", ["call", "accepted"], ["hang_up"], "send_bye"),
    ("BYE arrives", "talking", "idle", ["invited", "answer", "acknowledged"], ["bye_received"], "answer_bye"),
)


class TheExercise(SynchronousTestCase):
    """The visible states and transitions."""

    def test_row_by_row(self) -> None:
        """Each row of the exercise's table: state before, what happens, state after, what is sent."""
        for title, before, after, path, happens, sent in EXERCISE:
            with self.subTest(title):
                driven = Driven(*path)
                self.assertEqual(driven.visible, before)
                for each in happens:
                    driven(each)
                self.assertEqual(driven.visible, after)
                names = [name for name, *_ in driven.actions.done]
                if sent is None:
                    self.assertFalse(
                        [name for name in names if name.startswith(("send", "refuse", "answer"))]
                    )
                else:
                    self.assertIn(sent, names)

    def test_no_other_visible_transition(self) -> None:
        """Between visible states the machine does what the table says, from any state by any input."""
        seen = set()
        for state, path in PATHS.items():
            for each in INPUTS:
                driven = Driven(*path)
                driven(each)
                seen.add((VISIBLE[state], driven.visible))
        wanted = {(before, after) for _, before, after, *_ in EXERCISE}
        self.assertEqual({pair for pair in seen if pair[0] != pair[1]}, wanted)

    def test_a_183_is_no_ringing(self) -> None:
        """Only 180 means ringing: after 100, 181 or 183 the phone is still inviting."""
        driven = Driven("call", "provisional", "provisional")
        self.assertEqual(driven.visible, "inviting")
        driven("ringing")
        self.assertEqual(driven.visible, "ringing_back")


class TheTable(SynchronousTestCase):
    """What Automat's build() does not check."""

    def test_complete(self) -> None:
        """Every input is accepted in every state."""
        self.assertEqual(set(INPUTS), {name for name in vars(CallEvents) if not name.startswith("_")})
        for state, path in PATHS.items():
            for each in INPUTS:
                driven = Driven(*path)
                self.assertEqual(driven.state, state)
                try:
                    driven(each)
                except NoTransition as missing:
                    self.fail(f"{state} does not know {each}: {missing}")

    def test_reachable(self) -> None:
        """Every state is reached, is visible as something, and can still come to its end."""
        automaton = CallMachine.__automat_automaton__
        states = {state.name for state in automaton.states()}
        self.assertEqual(states, set(PATHS))
        self.assertEqual(states, set(VISIBLE))
        ways: dict[str, set[str]] = {name: set() for name in states}
        for old, _, new, _ in automaton.allTransitions():
            ways[old.name].add(new.name)
        for name in states:
            reached, edge = {name}, {name}
            while edge:
                edge = set().union(*(ways[each] for each in edge)) - reached
                reached |= edge
            self.assertIn("Ended", reached, name)

    def test_pairs_are_those_written_down(self) -> None:
        """As many rows as states times inputs: none is double, none missing."""
        rows = CallMachine.__automat_automaton__.allTransitions()
        self.assertEqual(len({(old.name, name) for old, name, _, _ in rows}), len(PATHS) * len(INPUTS))

    def test_drawn(self) -> None:
        """automat-visualize finds the machine where it looks: at module level."""
        from automat._discover import findMachines
        from twisted.python.modules import getModule

        names = [name for name, _ in findMachines("sipmini.ua.call")]
        self.assertIsNotNone(getModule("sipmini.ua.call"))
        self.assertEqual(names, ["sipmini.ua.call.CallMachine"])


class Effects(SynchronousTestCase):
    """Every row that does something: the state it leads to and everything that is done, in order."""

    def expect(self, path: str, happens: str, state: str, *done: tuple[object, ...]) -> None:
        driven = Driven(*path.split())
        driven(happens)
        self.assertEqual((driven.state, driven.actions.done), (state, list(done)), f"{path} / {happens}")

    def test_calling(self) -> None:
        """§13.2: INVITE, provisional responses, 2xx, failure."""
        self.expect("", "call", "Calling", ("send_invite",))
        self.expect("call", "provisional", "Proceeding")
        for path in ("call", "call provisional"):
            self.expect(path, "ringing", "RingingBack", ("ring_back",))
        for path in ("call", "call provisional", "call ringing"):
            self.expect(path, "accepted", "Talking", ("establish",))
            self.expect(path, "rejected", "Ended", ("fail", 603, "Decline"), ("close",))
        self.expect("call ringing", "ringing", "RingingBack")

    def test_cancel(self) -> None:
        """§9.1: CANCEL at once after a provisional response, else with the first of them."""
        for path in ("call provisional", "call ringing"):
            self.expect(path, "hang_up", "Cancelling", ("send_cancel",), ("end", "local", None))
        self.expect("call", "hang_up", "CancelWaiting", ("give_up",), ("end", "local", None))
        for first in ("provisional", "ringing"):
            self.expect("call hang_up", first, "Cancelling", ("send_cancel",))
        for path in ("call hang_up", "call ringing hang_up"):
            self.expect(path, "rejected", "Ended", ("close",))
        self.expect("call ringing hang_up", "ringing", "Cancelling")

    def test_a_200_that_crosses_the_cancel(self) -> None:
        """§9.1, §15: it is acknowledged and ended with BYE; so is one that comes when all seems over."""
        for path in ("call hang_up", "call ringing hang_up", "call ringing hang_up rejected"):
            self.expect(path, "accepted", "HangingUp", ("acknowledge_and_end",))

    def test_repeated_and_forked_200(self) -> None:
        """§13.2.2.4: each resent 2xx is acknowledged again; another phone's is acknowledged and ended."""
        for path, state in (
            ("call accepted", "Talking"),
            ("call accepted hang_up", "HangingUp"),
            ("call accepted bye_received", "Ended"),
        ):
            self.expect(path, "accepted_again", state, ("acknowledge_again",))
            self.expect(path, "accepted_elsewhere", state, ("end_fork",))

    def test_ringing(self) -> None:
        """§13.3: the callee's phone rings until it is answered, declined, cancelled or too late."""
        self.expect("", "invited", "Ringing", ("ring",))
        self.expect("invited", "answer", "Answered", ("send_answer",))
        self.expect("invited", "hang_up", "Ended", ("refuse", None), ("end", "local", None), ("close",))
        self.expect(
            "invited", "cancelled", "Ended", ("refuse_for_cancel",), ("end", "remote", None), ("close",)
        )
        ends = ("refuse", REASON), ("end", "network", REASON), ("close",)
        self.expect("invited", "expired", "Ended", *ends)
        lost = ("end", "network", "the caller can no longer be reached")
        self.expect("invited", "unreachable", "Ended", lost, ("close",))
        ends = ("answer_bye",), ("refuse_for_bye",), ("end", "remote", None), ("close",)
        self.expect("invited", "bye_received", "Ended", *ends)

    def test_answered(self) -> None:
        """§13.3.1.4: 200 until ACK; BYE when it never comes."""
        self.expect("invited answer", "acknowledged", "Talking", ("stop_answer",), ("start_talking",))
        ends = ("stop_answer",), ("send_bye",), ("end", "network", "the ACK never came")
        self.expect("invited answer", "ack_missing", "HangingUp", *ends)
        self.expect("invited answer acknowledged", "ack_missing", "HangingUp", *ends)
        over = ("stop_answer",), ("answer_bye",), ("end", "remote", None), ("close",)
        self.expect("invited answer", "bye_received", "Ended", *over)
        self.expect("invited answer", "cancelled", "Answered")
        self.expect("invited answer", "unreachable", "Answered")

    def test_no_bye_before_the_ack(self) -> None:
        """§15: hanging up at once is idle for the user; the BYE waits for the ACK, or for its absence."""
        self.expect("invited answer", "hang_up", "Leaving", ("end", "local", None))
        for happens in ("acknowledged", "ack_missing"):
            self.expect("invited answer hang_up", happens, "HangingUp", ("stop_answer",), ("send_bye",))
        over = ("stop_answer",), ("answer_bye",), ("close",)
        self.expect("invited answer hang_up", "bye_received", "Ended", *over)

    def test_hanging_up(self) -> None:
        """§15.1.1: BYE, and its response or timeout ends it."""
        ends = ("stop_answer",), ("send_bye",), ("end", "local", None)
        self.expect("call accepted", "hang_up", "HangingUp", *ends)
        self.expect("call accepted hang_up", "bye_answered", "Ended", ("close",))

    def test_bye_arrives(self) -> None:
        """§15.1.2: it is answered in every state, also where two cross."""
        over = ("stop_answer",), ("answer_bye",), ("end", "remote", None), ("close",)
        self.expect("call accepted", "bye_received", "Ended", *over)
        early = ("answer_bye",), ("send_cancel",), ("end", "remote", None)
        for path in ("call provisional", "call ringing"):
            self.expect(path, "bye_received", "Cancelling", *early)
        early = ("give_up",), ("answer_bye",), ("end", "remote", None)
        self.expect("call", "bye_received", "CancelWaiting", *early)
        for path in ("call hang_up", "call ringing hang_up", "call accepted hang_up", "call rejected"):
            driven = Driven(*path.split())
            self.expect(path, "bye_received", driven.state, ("answer_bye",))

    def test_dialog_lost(self) -> None:
        """§12.2.1.2: 481 or 408 in the dialog ends the call."""
        over = ("stop_answer",), ("end", "network", "481 Call Does Not Exist"), ("close",)
        self.expect("call accepted", "dialog_lost", "Ended", *over)

    def test_everything_else_changes_nothing(self) -> None:
        """Two calls to one machine are ignored."""
        for path in PATHS.values():
            driven = Driven(*path)
            for each in ("call", "invited") if path else ():
                before = driven.state
                driven(each)
                self.assertEqual((driven.state, driven.actions.done), (before, []))
