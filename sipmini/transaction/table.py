"""What the tables of the transaction machines share: a row, and the building."""

from __future__ import annotations

from typing import Any, TypeVar

from automat import TypeMachine, TypeMachineBuilder

Inputs = TypeVar("Inputs")
Core = TypeVar("Core")


def ignore(state: Any, *inputs: Any) -> None:
    """In *state*, each of *inputs* may come and changes nothing.

    Only what can come is listed.  A timer cannot: each row that leaves a state cancels the
    timers of that state; and nothing comes to a transaction that ended, for it is out of
    the layer's table and its handle is deaf.
    """
    for one in inputs:
        state.upon(one).loop().returns(None)


def built(builder: TypeMachineBuilder[Inputs, Core]) -> TypeMachine[Inputs, Core]:
    """The machine of *builder*, with an index over its rows.

    Automat looks for a row by comparing state and input with every one: 6 to 9 µs an input in
    the largest of these machines, 1.5 µs with an index, fourteen inputs a call.  The rows are
    Automat's own and it still draws and traces them; what is not in the index it looks for itself.
    """
    machine = builder.build()
    automaton: Any = machine.__automat_automaton__
    search = automaton.outputForInput
    rows = {
        (id(state), symbol): (following, list(outputs))
        for state, symbol, following, outputs in automaton.allTransitions()
    }

    def output_for_input(state: Any, symbol: Any) -> tuple[Any, Any]:
        return rows.get((id(state), symbol)) or search(state, symbol)

    automaton.outputForInput = output_for_input
    return machine
