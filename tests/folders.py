"""A folder of its own for a test, gone when the test ends.

``TestCase.mktemp`` leaves its folders in the current directory where trial does not run the test.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from unittest import TestCase


def new_folder(test: TestCase) -> Path:
    """Make an empty folder, which is removed when *test* ends."""
    folder = tempfile.mkdtemp(prefix="sipmini-test-")
    test.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
