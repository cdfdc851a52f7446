"""Parity with a device: what counts as another prediction, and what is only a tie that was broken the other way."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.bench import parity

IMAGES = parity.Images(Path("images.npy"), "digest", (0, 1, 2, 3), ("cat", "dog", "frog", "ship"))


def test_a_tie_broken_the_other_way_is_no_difference() -> None:
    here, there = [[0, 1], [1], [2], [0]], [[1], [1, 2], [3], [0]]
    found = parity.compare(there, here, IMAGES)
    assert found.differing == (2,) and found.by_class == {"frog": 1}
    assert found.top1_here == pytest.approx((0.5 + 1 + 1 + 0) / 4)
    assert found.top1 == pytest.approx((0 + 0.5 + 0 + 0) / 4)
