"""Programs that are started, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kit import process


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_a_program_that_is_no_longer_fed_ends(tmp_path: Path, error: type[BaseException]) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise error

    with pytest.raises(error):
        process.feed(["sh", "-c", f"cat > /dev/null; touch {tmp_path}/taken-for-whole"], broken())
    assert not list(tmp_path.iterdir())
