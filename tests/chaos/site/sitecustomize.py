"""A clock that can jump, for the kit's processes alone: time.time() is ahead by the seconds in a file, if there is one."""

import os
import time

_real = time.time


def _shifted() -> float:
    try:
        with open(os.environ["KIT_CHAOS_CLOCK"]) as stream:  # noqa: PTH123 - loaded by every Python of the kit
            return _real() + float(stream.read() or 0)
    except (KeyError, OSError, ValueError):
        return _real()


time.time = _shifted
