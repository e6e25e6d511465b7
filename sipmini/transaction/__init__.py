"""Transactions (RFC 3261 §17): four machines, how messages find them, their timers.

Knows messages and clocks; knows no socket, no transport, no proxy and no phone.
"""

from sipmini.transaction.client import ClientTransaction
from sipmini.transaction.layer import Limits, Transactions
from sipmini.transaction.server import ServerTransaction
from sipmini.transaction.timers import Timers, TimerValues
from sipmini.transaction.users import ClientUser, ServerUser

__all__ = [
    "ClientTransaction",
    "ClientUser",
    "Limits",
    "ServerTransaction",
    "ServerUser",
    "TimerValues",
    "Timers",
    "Transactions",
]
