# test-case-name: tests.test_quiet_log
"""Twistd's log without what nobody reads: each port that opens and closes, each question to the DNS.

Twisted's own ports write those lines whatever their protocols say of noise; they are dropped where twistd
makes its observer. Decisions, failures and all else stay, and so does what ``--logfile`` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from twisted.logger import FilteringLogObserver, LogEvent, PredicateResult, formatEvent
from twisted.scripts.twistd import _SomeApplicationRunner  # type: ignore[attr-defined]

__all__ = ["make_observer", "quietly", "worth_reading"]

_NOISE = re.compile(
    r"\S.* starting on \d+|\(.*Port \S+ Closed\)|(?:Starting|Stopping) protocol <.*", re.DOTALL
)


def worth_reading(event: LogEvent) -> Any:
    """Whether *event* is to be logged; what came by Twisted's new logger is."""
    if event.get("log_namespace") == "log_legacy" and _NOISE.fullmatch(formatEvent(event)):
        return PredicateResult.no
    return PredicateResult.yes


#: The options of this process's twistd. There is one; it takes the maker of its observer by name alone.
_twistd: dict[str, Any] = {}


def quietly(twistd: Mapping[str, Any]) -> str:
    """The value for twistd's ``--logger`` that makes the observer its options *twistd* ask for, but quiet."""
    _twistd.clear()
    _twistd.update(twistd)
    return f"{__name__}.{make_observer.__name__}"


def make_observer() -> FilteringLogObserver:
    """The observer of the options that were given to :func:`quietly`."""
    loud = _SomeApplicationRunner.loggerFactory(_twistd)._getLogObserver()
    return FilteringLogObserver(loud, [worth_reading])  # type: ignore[list-item]
