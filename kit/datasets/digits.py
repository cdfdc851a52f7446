"""scikit-learn's handwritten digits: they come with the package, so nothing is downloaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from kit.datasets.splits import Data, Split, canonical_order
from kit.errors import KitError


def obtain(folder: Path, archive: Path | None) -> tuple[Data, bool]:
    """The 1,797 digits (8x8, 0..16) as 32x32x3 uint8, in their own order; every fifth in canonical order is a test image.

    Raises KitError if an `archive` is given.
    """
    from sklearn.datasets import load_digits

    if archive is not None:
        raise KitError("digits come with scikit-learn", "leave --archive out")
    raw = load_digits()
    grey = np.round(raw.images * (255 / 16)).astype(np.uint8)
    images = np.repeat(grey.repeat(4, axis=1).repeat(4, axis=2)[..., None], 3, axis=3)
    both = Split(images, raw.target.astype(np.uint8))
    is_test = np.zeros(len(both), bool)
    is_test[canonical_order(both)[::5]] = True
    return Data(both.taken(np.flatnonzero(~is_test)), both.taken(np.flatnonzero(is_test))), True
