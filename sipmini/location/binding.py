"""A binding: where one user can be reached at the moment (RFC 3261 §10.1).  A pure value."""

from __future__ import annotations

from attrs import frozen

__all__ = ["DEFAULT_Q", "Binding"]

#: The preference of a contact that gave none, in thousandths (RFC 3261 §20.10 leaves it open).
DEFAULT_Q = 1000


@frozen
class Binding:
    """One contact address of one address-of-record.

    The order of the fields is the order of the columns on disk.

    :ivar aor: the canonical address-of-record, ``sip:alice@atlanta.com`` (RFC 3261 §10.3 step 5).
    :ivar contact: the text of the contact URI, exactly as it was registered.
    :ivar q: its preference in thousandths, 0 to 1000.
    :ivar call_id: the Call-ID of the REGISTER that last wrote it.
    :ivar cseq: the CSeq number of that REGISTER.
    :ivar expires_at: when it ends, in seconds since 1970.
    :ivar flow: where that REGISTER came from, ``"UDP 127.0.0.1:5060"``: the connection to reuse on TCP.
    :ivar user_agent: what called itself so in User-Agent; empty if nothing did.
    :ivar updated_at: when that REGISTER was processed, in seconds since 1970.
    """

    aor: str
    contact: str
    q: int
    call_id: str
    cseq: int
    expires_at: float
    flow: str = ""
    user_agent: str = ""
    updated_at: float = 0.0

    def expires_in(self, now: float) -> int:
        """The whole seconds left at *now*, at least 1 while it lasts, 0 when it has ended."""
        left = self.expires_at - now
        return max(1, round(left)) if left > 0 else 0
