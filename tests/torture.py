"""The torture messages: RFC 4475, RFC 5118 and captures of real agents, with what each must cause.

They lie in ``../shared/torture`` beside the checkout; tests that need them are skipped where they are not.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import SkipTest

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "torture"
SUITES = {"rfc4475": 49, "rfc5118": 12, "captured": 39}


def manifest(suite: str) -> dict[str, dict[str, Any]]:
    """What each message of *suite* must cause, by file name without its suffix.

    :raises SkipTest: the messages are not there.
    """
    if not FOLDER.is_dir():
        raise SkipTest(f"the torture messages ({FOLDER}) are not there")
    entries = json.loads((FOLDER / suite / "MANIFEST.json").read_text("utf-8"))["messages"]
    return {entry["file"].removesuffix(".dat"): entry for entry in entries}


def message(suite: str, name: str) -> bytes:
    """The octets of one message."""
    return (FOLDER / suite / f"{name}.dat").read_bytes()
