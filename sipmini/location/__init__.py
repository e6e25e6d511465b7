"""Where users can be reached: bindings of addresses-of-record to contacts (RFC 3261 §10).

The registrar writes them, the proxy looks them up, and ``sipmini location`` shows them.
"""

from __future__ import annotations

from sipmini.location.binding import DEFAULT_Q, Binding
from sipmini.location.interface import Change, LocationStore, Put, Remove
from sipmini.location.memory import MemoryLocation
from sipmini.location.sqlite import SqliteLocation
from sipmini.location.writer import WriterThread

__all__ = [
    "DEFAULT_Q",
    "Binding",
    "Change",
    "LocationStore",
    "MemoryLocation",
    "Put",
    "Remove",
    "SqliteLocation",
    "WriterThread",
]
