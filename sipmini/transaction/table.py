"""A row for the tables of the transaction machines."""

from __future__ import annotations

from typing import Any


def ignore(state: Any, *inputs: Any) -> None:
    """In *state*, each of *inputs* may come and changes nothing.

    Only what can come is listed.  A timer cannot: each row that leaves a state cancels the
    timers of that state; and nothing comes to a transaction that ended, for it is out of
    the layer's table and its handle is deaf.
    """
    for one in inputs:
        state.upon(one).loop().returns(None)
