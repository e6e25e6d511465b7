"""Tokens that nobody can guess: for tags, branches and Call-IDs (RFC 3261 §19.3).

Randomness is read from the system in larger pieces, because each reading costs as much as
all the rest of making a token.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_OCTETS = 8
_PIECE = 512 * _OCTETS


class Tokens:
    """Makes tokens of 64 random bits, in hexadecimal."""

    def __init__(self, read: Callable[[int], bytes] = os.urandom) -> None:
        self._read = read
        self._piece = b""
        self._used = 0

    def __call__(self) -> str:
        """A token."""
        start = self._used
        if start >= len(self._piece):
            self._piece = self._read(_PIECE)
            start = 0
        self._used = start + _OCTETS
        return self._piece[start : self._used].hex()
