# test-case-name: tests.ua.test_checks
"""What a user agent looks at before it acts on a request, in the order of RFC 3261 §8.2.  Pure.

Each check gives the reason to refuse, and the header fields that the refusal carries.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from attrs import frozen

from sipmini import reasons, sdp
from sipmini.message import Request
from sipmini.reasons import Reason
from sipmini.ua.desk import ALLOW, Identity
from sipmini.uri import SipUri

_METHODS = frozenset(ALLOW.split(", "))

#: Methods of other RFCs that the phone knows of and does not do: 405. Of any other it never heard: 501.
_KNOWN = _METHODS | {
    "REGISTER",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "INFO",
    "REFER",
    "MESSAGE",
    "UPDATE",
}

#: How many requests are remembered to recognise merged ones, and for how many seconds (64*T1).
REMEMBERED = 512
MEMORY = 32.0


@frozen
class Refusal:
    """A reason to refuse, and what the refusal carries beside it."""

    reason: Reason
    fields: tuple[tuple[str, str], ...] = ()


def check_method(request: Request) -> Refusal | None:
    """§8.2.1: a method the phone does not do gets 405 with Allow, an unknown one 501."""
    if request.method in _METHODS:
        return None
    rule = reasons.METHOD_NOT_ALLOWED if request.method in _KNOWN else reasons.METHOD_NOT_IMPLEMENTED
    return Refusal(rule.because(request.method[:40]), (("Allow", ALLOW),))


def check_target(request: Request, identity: Identity) -> Refusal | None:
    """§8.2.2.1: the Request-URI must be one we read (416) and ours (404).

    Its host is not looked at: behind a translator of addresses it need not be one of ours. A Request-URI
    without a user, which tools send to see whether somebody is there, is taken too.
    """
    target = request.target
    if not isinstance(target, SipUri) or target.scheme != "sip":
        return Refusal(reasons.UNSUPPORTED_SCHEME.because(request.uri.partition(":")[0][:40]))
    if target.user is not None and target.user_name != identity.uri.user_name:
        return Refusal(reasons.NOT_THIS_USER.because(request.uri[:80]))
    return None


def check_require(request: Request) -> Refusal | None:
    """§8.2.2.3: no extension is supported, so any that is required gets 420; never for ACK and CANCEL."""
    required = request.values("Require")
    if not required or request.method in ("ACK", "CANCEL"):
        return None
    tags = ", ".join(required)
    return Refusal(reasons.BAD_EXTENSION.because(tags[:80]), (("Unsupported", tags[:400]),))


def check_content(request: Request) -> Refusal | None:
    """§8.2.3: a body that must be understood and is not gets 415 with Accept and Accept-Encoding."""
    if not request.body:
        return None
    accepted = (("Accept", sdp.CONTENT_TYPE), ("Accept-Encoding", "identity"))
    encoding = request.first("Content-Encoding")
    if encoding is not None and encoding.strip().lower() != "identity":
        return Refusal(reasons.UNSUPPORTED_BODY.because(f"Content-Encoding {encoding[:40]}"), accepted)
    if request.method != "INVITE" or request.content_type == sdp.CONTENT_TYPE:
        return None
    if "handling=optional" in (request.first("Content-Disposition") or "").lower().replace(" ", ""):
        return None
    return Refusal(reasons.UNSUPPORTED_BODY.because(str(request.content_type)[:80]), accepted)


class Merged:
    """Recognises a request that came by two paths (§8.2.2.2)."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._seen: OrderedDict[tuple[str, str, str], tuple[str, float]] = OrderedDict()

    def check(self, request: Request) -> Refusal | None:
        """482 for a request with the From tag, Call-ID and CSeq of another that had another branch."""
        now = self._seconds()
        while self._seen:
            oldest = next(iter(self._seen))
            if len(self._seen) < REMEMBERED and self._seen[oldest][1] > now - MEMORY:
                break
            del self._seen[oldest]
        key = (request.from_.tag or "", request.call_id, str(request.cseq))
        branch, _ = self._seen.setdefault(key, (request.via.branch, now))
        if branch != request.via.branch:
            return Refusal(reasons.MERGED_REQUEST.because(f"Call-ID {request.call_id[:80]}"))
        return None
