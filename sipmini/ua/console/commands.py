# test-case-name: tests.ua.console.test_commands
"""The words of the console: one table of commands, and the parser from a line of text to a command.

Pure: it knows no phone, no clock and no terminal, so a whole script is checked before its first line runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from textwrap import wrap
from typing import Final

from attrs import field, frozen

from sipmini.errors import SipminiError

__all__ = ["COMMANDS", "STATES", "BadCommand", "Command", "Verb", "explain", "overview", "parse"]

STATES: Final = ("idle", "inviting", "ringing_back", "ringing", "talking")
"""The states of the phone, by the names of the exercise."""

WIDTH: Final = 80
"""Columns that the lines of ``help`` take at most."""

LONGEST_LINE: Final = 4096
"""Characters of a command line; a longer one is refused unread."""

LONGEST_WAIT: Final = 86_400.0
"""Seconds that ``wait``, ``expect`` and ``sleep`` take at most: a day."""

PATIENCE: Final = 30.0
"""Seconds that ``wait`` and ``expect`` take when none are given."""


class BadCommand(SipminiError):
    """The line is no command, or its arguments do not fit.  The text is one line of help."""


@frozen
class Verb:
    """A command of the console.

    :ivar name: its first name, one or two words.
    :ivar summary: what it does, on one line.
    :ivar group: the heading it stands under in ``help``.
    :ivar arguments: how they are written in ``help``; empty if it takes none.
    :ivar aliases: its other names.
    :ivar least: how many words it needs.
    :ivar most: how many words it takes; ``None`` if the rest of the line is one argument.
    :ivar check: looks at the words and raises :class:`BadCommand` or ``ValueError`` with what is wrong.
    :ivar details: what ``help NAME`` says beyond the summary.
    :ivar sends: whether it makes the phone send something, so that ``expect`` starts afresh.
    """

    name: str
    summary: str
    group: str = field(kw_only=True)
    arguments: str = field(default="", kw_only=True)
    aliases: tuple[str, ...] = field(default=(), kw_only=True)
    least: int = field(default=0, kw_only=True)
    most: int | None = field(default=0, kw_only=True)
    check: Callable[[tuple[str, ...]], None] | None = field(default=None, kw_only=True)
    details: str = field(default="", kw_only=True)
    sends: bool = field(default=False, kw_only=True)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name of the command, the first one first."""
        return (self.name, *self.aliases)

    @property
    def usage(self) -> str:
        """How it is written, as in ``wait STATE [SECONDS]``."""
        return f"{self.name} {self.arguments}".rstrip()


@frozen
class Command:
    """A line that was understood.

    :ivar verb: the command.
    :ivar words: its arguments; where ``verb.most`` is ``None``, at most one, with the spaces inside it kept.
    :ivar line: the line as it was written, without the spaces and the comment around it.
    """

    verb: Verb
    words: tuple[str, ...]
    line: str

    @property
    def word(self) -> str | None:
        """The first argument, or ``None``."""
        return self.words[0] if self.words else None


def seconds(text: str) -> float:
    """The number of seconds that ``text`` names; raises ``ValueError`` with the sentence for the user."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= LONGEST_WAIT:
        raise ValueError(f"{text!r} is not a number of seconds from 0 to {LONGEST_WAIT:.0f}")
    return value


def patience(words: tuple[str, ...]) -> float:
    """The seconds that a ``wait`` or an ``expect`` with these arguments takes at most."""
    return seconds(words[1]) if len(words) > 1 else PATIENCE


def _check_wait(words: tuple[str, ...]) -> None:
    if words[0] not in (*STATES, "registered"):
        raise ValueError(f"{words[0]!r} is not one of {', '.join(STATES)} or registered")
    patience(words)


def _check_expect(words: tuple[str, ...]) -> None:
    if not re.fullmatch(r"[1-6][0-9][0-9]", words[0]):
        raise ValueError(f"{words[0]!r} is not a status code from 100 to 699")
    patience(words)


def _check_sleep(words: tuple[str, ...]) -> None:
    seconds(words[0])


CALLS: Final = "Calls"
REGISTRATION: Final = "Registration"
LOOKING: Final = "Looking"
SCRIPTS: Final = "Scripts"

COMMANDS: Final[tuple[Verb, ...]] = (
    Verb(
        "call",
        "Call someone; with no name, the one called last.",
        group=CALLS,
        arguments="[USER]",
        aliases=("invite",),
        most=None,
        sends=True,
        details="USER is bob@biloxi.com, sip:bob@biloxi.com, or bob for someone of your own domain.",
    ),
    Verb("answer", "Take the call that is ringing.", group=CALLS, aliases=("a", "accept"), sends=True),
    Verb("decline", "Refuse the call that is ringing (603 Decline).", group=CALLS, sends=True),
    Verb(
        "hangup",
        "Cancel, decline or hang up, as the call stands.",
        group=CALLS,
        aliases=("q", "cancel"),
        sends=True,
        details="Calling someone: cancels. Ringing: declines. Talking: hangs up. To leave the phone: exit.",
    ),
    Verb("dest user", "Show whom you called last.", group=CALLS),
    Verb("history", "List the calls.", group=CALLS),
    Verb(
        "register",
        "Tell the registrar where you are, and keep it told.",
        group=REGISTRATION,
        arguments="[PROXY]",
        most=1,
        sends=True,
        details="PROXY is sip:127.0.0.1:8000, or atlanta.com; it becomes the proxy of the phone.",
    ),
    Verb("unregister", "Take your registration back.", group=REGISTRATION, sends=True),
    Verb(
        "user",
        "Show who you are, or become someone else.",
        group=REGISTRATION,
        arguments="[ADDRESS]",
        aliases=("user?",),
        most=1,
        details="ADDRESS is alice@atlanta.com. `user?` only shows it.",
    ),
    Verb(
        "proxy",
        "Show the proxy, or choose another.",
        group=REGISTRATION,
        arguments="[URI]",
        aliases=("proxy?",),
        most=1,
        details="URI is sip:127.0.0.1:8000, or atlanta.com to look it up by name. `proxy?` only shows it.",
    ),
    Verb("state", "Show what the phone is doing.", group=LOOKING),
    Verb("reset state", "Forget the call and be idle again.", group=LOOKING),
    Verb("last data", "Show the last message that arrived, decoded, as JSON.", group=LOOKING),
    Verb(
        "options",
        "Ask someone's phone, or a server, what it supports.",
        group=LOOKING,
        arguments="USER",
        least=1,
        most=None,
        sends=True,
        details="USER is bob@biloxi.com, bob for someone of your own domain, or biloxi.com for the server.",
    ),
    Verb(
        "help",
        "List the commands, or explain one.",
        group=LOOKING,
        arguments="[COMMAND]",
        aliases=("?",),
        most=None,
    ),
    Verb(
        "exit",
        "End the call, take the registration back, and leave.",
        group=LOOKING,
        aliases=("quit",),
    ),
    Verb(
        "wait",
        "Wait until the phone is in a state, or registered.",
        group=SCRIPTS,
        arguments="STATE [SECONDS]",
        least=1,
        most=2,
        check=_check_wait,
        details=f"STATE is {', '.join(STATES)} or registered. "
        f"After SECONDS (default {PATIENCE:.0f}) it fails, and a script ends.",
    ),
    Verb(
        "expect",
        "Wait for a response with this status code.",
        group=SCRIPTS,
        arguments="CODE [SECONDS]",
        least=1,
        most=2,
        check=_check_expect,
        details="Responses since the last command that sent something count. After SECONDS "
        f"(default {PATIENCE:.0f}) it fails, and a script ends.",
    ),
    Verb(
        "sleep",
        "Do nothing for a while.",
        group=SCRIPTS,
        arguments="SECONDS",
        least=1,
        most=1,
        check=_check_sleep,
    ),
)

_BY_NAME: Final[dict[tuple[str, ...], Verb]] = {
    tuple(name.split()): verb for verb in COMMANDS for name in verb.names
}
NAMES: Final = tuple(" ".join(words) for words in _BY_NAME)
"""Every name that a command goes by."""


def parse(line: str) -> Command | None:
    """The command that a line holds; ``None`` for an empty line or a comment (``#`` to the end of the line).

    :raises BadCommand: with one line of help, when there is no such command or its arguments do not fit.
    """
    if len(line) > LONGEST_LINE:
        raise BadCommand(f"The line has more than {LONGEST_LINE} characters and was not read.")
    text = re.sub(r"(^|\s)#.*", "", line, flags=re.DOTALL).strip()
    if not text:
        return None
    verb, rest = _find(text)
    words = tuple(rest.split())
    if verb.name in ("user", "proxy") and text.split()[0].endswith("?") and words:
        raise BadCommand(f"{verb.name}? only shows; to change it: {verb.usage}")
    if len(words) < verb.least or (verb.most is not None and len(words) > verb.most):
        raise BadCommand(f"{_complaint(verb, words)} Usage: {verb.usage}")
    if verb.check is not None:
        try:
            verb.check(words)
        except ValueError as problem:
            raise BadCommand(f"{verb.name}: {problem}. Usage: {verb.usage}") from None
    if verb.most is None:
        words = (rest,) if rest else ()
    return Command(verb, words, text)


def _complaint(verb: Verb, words: tuple[str, ...]) -> str:
    if len(words) < verb.least:
        return f"{verb.name}: something is missing."
    if verb.most == 0:
        return f"{verb.name} takes nothing after it."
    return f"{verb.name}: {words[verb.most or 0]!r} is too much."


def _find(text: str) -> tuple[Verb, str]:
    """The command that ``text`` begins with (the longest name wins), and what follows its name."""
    for count in (2, 1):
        parts = text.split(None, count)
        verb = _BY_NAME.get(tuple(word.lower() for word in parts[:count]))
        if verb is not None:
            return verb, parts[count] if len(parts) > count else ""
    raise BadCommand(_unknown(text))


def _unknown(text: str) -> str:
    """One line of help for a line that begins with no command."""
    parts = text.lower().split()
    first = parts[0][:40]
    longer = [name for name in NAMES if name.split()[0] == first]
    near = (
        longer or get_close_matches(" ".join(parts[:2]), NAMES, n=1) or get_close_matches(first, NAMES, n=1)
    )
    asked = text.split()[0][:40]
    guess = f"did you mean {near[0]}? (help lists them all)" if near else "help lists them all"
    return f"There is no command {asked!r}; {guess}"


def overview() -> Iterator[str]:
    """The lines of ``help``: every command under its heading, a line each."""
    names = {verb: ", ".join((verb.usage, *verb.aliases)) for verb in COMMANDS}
    width = max(map(len, names.values()))
    for group in dict.fromkeys(verb.group for verb in COMMANDS):
        yield f"{group}:"
        for verb in COMMANDS:
            if verb.group == group:
                yield f"  {names[verb]:<{width}}  {verb.summary}"


def explain(name: str) -> Iterator[str]:
    """The lines of ``help NAME``.

    :raises BadCommand: when there is no such command.
    """
    verb, _ = _find(name.strip())
    yield f"{verb.usage}: {verb.summary}"
    yield from wrap(verb.details, WIDTH)
    if verb.aliases:
        yield f"Also: {', '.join(verb.aliases)}"
