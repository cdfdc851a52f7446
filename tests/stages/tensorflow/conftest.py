"""TensorFlow can be made deterministic only before it has done anything, and one process runs several of these files."""

import pytest

from kit.stages.tensorflow import backend


@pytest.fixture(scope="session", autouse=True)
def _deterministic() -> None:
    backend.configure(threads=1)
