# test-case-name: tests.ua.console.test_prompt
"""The prompt: prompt_toolkit in a thread of its own, beside the reactor.

The reactor's thread and the prompt's exchange text, never objects: lines and keys go to the reactor by its
``callFromThread``, what is to be shown comes by :meth:`Prompt.show` and :meth:`Prompt.set_status`.
"""

# Why a thread: prompt_toolkit wants an asyncio loop and reads the terminal through it, and the reactor is
# whatever the user chose. With a loop of its own it needs nothing of that reactor, a slow terminal (or one
# stopped with Ctrl-S) does not delay the protocol's timers, and a reactor that is busy does not delay
# typing.

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from attrs import frozen
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, get_app
from prompt_toolkit.application.run_in_terminal import in_terminal
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import History
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.renderer import print_formatted_text
from prompt_toolkit.shortcuts import CompleteStyle
from prompt_toolkit.styles import Style
from prompt_toolkit.utils import get_cwidth
from twisted.logger import Logger
from twisted.python.failure import Failure

from sipmini.ua.console.wording import FIELD_END

__all__ = ["Keys", "Prompt"]

_log = Logger()

MOST_SHOWN: Final = 10_000
"""Pieces of text kept for a terminal that takes none; of more the oldest are lost."""

STYLE: Final = Style.from_dict(
    {
        "time": "ansibrightblack",
        "quiet": "ansibrightblack",
        "urgent": "bold",
        "problem": "ansired",
        "prompt": "bold",
    }
)


@frozen
class Keys:
    """What the prompt tells; each is called in the reactor's thread.

    :ivar line: a line was entered.
    :ivar interrupt: Ctrl-C, with nothing typed.
    :ivar end: Ctrl-D, with nothing typed.
    :ivar lost: the terminal is gone.
    :ivar closed: the prompt has ended and the terminal is as it was.
    """

    line: Callable[[str], None]
    interrupt: Callable[[], None]
    end: Callable[[], None]
    lost: Callable[[], None]
    closed: Callable[[], None]


class Threads(Protocol):
    """``IReactorFromThreads``, as much of it as the prompt needs."""

    def callFromThread(self, callable: Callable[..., object], *args: object) -> object: ...


class Prompt:
    """A line editor with a live line under it.

    :param reactor: where :class:`Keys` are called.
    :param keys: whom to tell.
    :param input: the terminal's keyboard.
    :param output: the terminal's screen.
    :param history: the lines typed before.
    :param completer: what the tab key offers.
    """

    def __init__(
        self,
        reactor: Threads,
        keys: Keys,
        input: Input,
        output: Output,
        history: History,
        completer: Completer,
    ) -> None:
        self._reactor = reactor
        self._keys = keys
        self._input = input
        self._output = output
        self._history = history
        self._completer = completer
        self._name = self._status = ""
        self._shown: deque[StyleAndTextTuples] = deque(maxlen=MOST_SHOWN)
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._main: asyncio.Task[None] | None = None
        self._session: PromptSession[str] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)

    # Called in the reactor's thread.

    def start(self) -> None:
        """Show the prompt."""
        self._thread.start()

    def show(self, text: StyleAndTextTuples) -> None:
        """Print a piece of text, and a line end, above what is being typed."""
        self._shown.append(text)
        self._wake(lambda: self._news.set() if self._news else None)

    def set_status(self, name: str, status: str) -> None:
        """Change the word before the prompt sign, and the live line."""
        if (name, status) != (self._name, self._status):
            self._name, self._status = name, status
            self._wake(self._redraw)

    def stop(self) -> None:
        """End the prompt, whatever is being typed; ``Keys.closed`` tells when that is done."""
        with self._lock:
            self._stopped = True
        self._wake(self._cancel)

    def _wake(self, call: Callable[[], object]) -> None:
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call)

    # Called in the prompt's thread.

    def _run(self) -> None:
        try:
            asyncio.run(self._prompts())
        except asyncio.CancelledError:
            pass
        except OSError as gone:
            # A terminal that was closed takes nothing more.
            _log.info("The terminal is gone: {gone}", gone=gone)
            self._tell(self._keys.lost)
        except Exception:
            _log.failure("The console's prompt failed.")
            self._tell(self._keys.end)
        finally:
            self._tell(self._keys.closed)

    async def _prompts(self) -> None:
        with create_app_session(input=self._input, output=self._output):
            self._session = session = self._make_session()
            self._news = asyncio.Event()
            self._main = asyncio.current_task()
            asyncio.get_running_loop().set_exception_handler(self._failed)
            with self._lock:
                if self._stopped:
                    return
                self._loop = asyncio.get_running_loop()
            self._flush()
            printing = asyncio.ensure_future(self._print())
            try:
                while True:
                    line = await session.prompt_async(set_exception_handler=False)
                    self._tell(self._keys.line, line)
            except EOFError:
                # Not Ctrl-D, which has a binding of its own: the terminal itself is gone.
                self._tell(self._keys.lost)
            finally:
                with self._lock:
                    self._loop = None
                printing.cancel()
                self._flush()

    def _make_session(self) -> PromptSession[str]:
        return PromptSession(
            message=lambda: [("class:prompt", f"{self._name}> ")],
            bottom_toolbar=lambda: f" {self._fitting()}",
            history=self._history,
            completer=self._completer,
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            key_bindings=self._bindings(),
            style=STYLE,
        )

    def _fitting(self) -> str:
        """The live line, without its last fields where the terminal is too narrow for all of them."""
        status, columns = self._status, self._output.get_size().columns - 1
        while get_cwidth(status) > columns and FIELD_END in status:
            status = status.rpartition(FIELD_END)[0]
        return status

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()

        @bindings.add("c-c")
        def _(event: KeyPressEvent) -> None:
            if event.current_buffer.text:
                event.current_buffer.reset()
            else:
                self._tell(self._keys.interrupt)

        @bindings.add("c-d", filter=Condition(lambda: not get_app().current_buffer.text))
        def _(event: KeyPressEvent) -> None:
            self._tell(self._keys.end)

        return bindings

    async def _print(self) -> None:
        """Print what is to be shown, as it comes, always between two drawings of the prompt."""
        assert self._news is not None
        while True:
            await self._news.wait()
            self._news.clear()
            async with in_terminal():
                self._flush()

    def _flush(self) -> None:
        while self._shown:
            print_formatted_text(self._output, [*self._shown.popleft(), ("", "\n")], STYLE)
        self._output.flush()

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A key binding, the history or the like raised: prompt_toolkit would ask for ENTER, for ever."""
        exception = context.get("exception") or RuntimeError(context.get("message"))
        _log.failure("The console's prompt failed.", failure=Failure(exception))
        self._tell(self._keys.end)
        self._cancel()

    def _cancel(self) -> None:
        assert self._main is not None and self._session is not None
        # What was being typed goes away with the prompt; a shell's prompt is about to stand there.
        self._session.app.erase_when_done = True
        self._main.cancel()

    def _redraw(self) -> None:
        assert self._session is not None
        self._session.app.invalidate()

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        self._reactor.callFromThread(call, *arguments)
