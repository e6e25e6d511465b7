"""Transports (RFC 3261 §18): UDP and TCP sockets, connections and their reuse.

Knows bytes, addresses and the top Via; knows no transaction, no proxy and no phone.
"""

from sipmini.transport.connections import TransportLimits
from sipmini.transport.layer import WILDCARDS, Listening, Transports

__all__ = ["WILDCARDS", "Listening", "TransportLimits", "Transports"]
