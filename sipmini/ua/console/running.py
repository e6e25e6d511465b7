# test-case-name: tests.ua.console.test_start
"""What :func:`~sipmini.ua.console.start.start_console` hands back."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from sipmini.ua.console.runner import Runner

__all__ = ["Console"]


class Console:
    """A console that runs.

    :param runner: takes its lines.
    :param notice: shows a sentence.
    :param finish: writes what is left and restores the terminal; fires when that is done.
    """

    def __init__(
        self, runner: Runner, notice: Callable[[str], None], finish: Callable[[], Deferred[None]]
    ) -> None:
        self._runner = runner
        self._notice = notice
        self._finish = finish
        self._leaving: list[Deferred[None]] = []
        self._waiting: list[Deferred[None]] | None = None
        self._finished = False

    def say(self, sentence: str) -> None:
        """Show a sentence about something else than the phone, in the way that this console shows things."""
        self._notice(sentence)

    def leave(self) -> Deferred[None]:
        """Hang up and unregister, in a few seconds at most, and end; called again, end at once.

        To be called before anything of the phone is stopped. Fires as :meth:`close` does.
        """
        done: Deferred[None] = Deferred()
        if self._finished:
            done.callback(None)
        else:
            self._leaving.append(done)
            if self._waiting is None:
                self._runner.hurry()
        return done

    def close(self) -> Deferred[None]:
        """End at once, without hanging up; also harmless when it has ended by itself.

        To be called before the reactor stops, as ``before``, ``shutdown``. Fires when the terminal is
        restored and the output is written, or given up after a moment.
        """
        done: Deferred[None] = Deferred()
        if self._finished:
            done.callback(None)
        elif self._waiting is not None:
            self._waiting.append(done)
        else:
            self._waiting = [done]
            self._runner.close()
            self._finish().addBoth(self._over)
        return done

    def _over(self, result: object) -> None:
        self._finished = True
        for done in [*(self._waiting or ()), *self._leaving]:
            done.callback(None)
