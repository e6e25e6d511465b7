"""The phone's console: on a terminal, on a pipe, or run by a script.

=================  =======================================================================================
``commands``       the table of commands, and the parser from a line to a command
``actions``        what each command does to the phone
``waiting``        what ``wait`` and ``expect`` wait for, and what they say when it does not come
``attention``      waiting for the phone's events
``interpreter``    carries out one command
``leaving``        hangs up and unregisters before the console ends
``runner``         runs lines one after the other; scripts
``wording``        states, times and calls in words
``screen``         answers and events as lines, or as JSON
``pipe``           the console on a pipe or a file
``prompt``         prompt_toolkit, in a thread of its own
``terminal``       what a person sees: the screen and the live line
``typed``          the lines typed before, and the tab key
``person``         puts the console for a person together
``running``        the handle on a console that runs
``signals``        what signals do to the phone
``start``          chooses the console and starts it
=================  =======================================================================================

``prompt``, ``terminal``, ``typed`` and ``person`` import prompt_toolkit; the others do not, so a script or a
pipe starts without it.
"""

from sipmini.ua.console.runner import read_script
from sipmini.ua.console.running import Console
from sipmini.ua.console.signals import hear_hangup, hear_impatience
from sipmini.ua.console.start import ConsoleSettings, start_console

__all__ = [
    "Console",
    "ConsoleSettings",
    "hear_hangup",
    "hear_impatience",
    "read_script",
    "start_console",
]
