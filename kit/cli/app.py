"""The entry point. It loads the commands itself: Ctrl-C meanwhile must leave no trace either."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from kit.cli import commands, door
    except KeyboardInterrupt:
        sys.exit(130)
    door.leave(commands.app)


if __name__ == "__main__":
    main()
