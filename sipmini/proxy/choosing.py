"""Which of several final responses goes upstream (RFC 3261 §16.7 step 6).  Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sipmini.headers import Headers
from sipmini.message import Response

#: Preferred within their class: they tell the client how it may succeed after all.
_HELPFUL = (401, 407, 415, 420, 484)
#: Last within their class: they say that a branch was silent, cancelled, or busy as a whole, and nothing
#: of the user.
_EMPTY = (408, 487, 503)
_CHALLENGES = ("WWW-Authenticate", "Proxy-Authenticate")


def best(responses: Sequence[Response]) -> Response:
    """The best of at least one final response, 2xx excepted: these are never waited with.

    A 6xx before all, else the lowest class; in it what helps the client to try again, else the
    first that says anything of the user.
    """
    return min(responses, key=_rank)


def _rank(response: Response) -> tuple[int, int]:
    status = response.status
    if status >= 600:
        return (0, 0)
    place = -1 if status in _HELPFUL else 1 if status in _EMPTY else 0
    return (status // 100, place)


def with_all_challenges(chosen: Response, responses: Sequence[Response]) -> Response:
    """*chosen*, a 401 or 407, with the challenges of all other 401s and 407s (§16.7 step 7)."""
    if chosen.status not in (401, 407):
        return chosen
    names, lines = chosen.headers.names, chosen.headers.lines
    for response in responses:
        if response is chosen or response.status not in (401, 407):
            continue
        for name in _CHALLENGES:
            for line in response.headers.lines_of(name):
                names, lines = (*names, name), (*lines, line)
    return Response(chosen.status, chosen.phrase, Headers(names, lines), chosen.body)
