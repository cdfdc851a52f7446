"""The compiled kernels on shapes that hypothesis thinks up, against float64, under AddressSanitizer and UBSan.

Compiled by the system's g++, which has both sanitizers; the arithmetic is the same source as in training.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.runs.environment import processor_features
from kit.stages.tensorflow.ops import build

_FLAGS = [
    *("-std=c++17", "-O1", "-g", "-fPIC", "-shared", "-w", "-Wno-psabi"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),
]
_SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
_SETS = {
    "sse2": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx2", "-mfma", "-mavx512f", "-mavx512bw", "-mavx512cd", "-mavx512dq", "-mavx512vl"],
}
_FUZZ = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Harness:
    """A process of ops_harness.py that answers call by call; a new one after a crash, so that hypothesis can go on."""

    def __init__(self, library: Path, isa: str) -> None:
        asan = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout
        self._environment = os.environ | {"LD_PRELOAD": asan.strip(), "ASAN_OPTIONS": "detect_leaks=0"}
        harness = Path(__file__).with_name("ops_harness.py")
        self._command = [sys.executable, str(harness), str(library), f"kit_kernels_{isa}"]
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(self._command, env=self._environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def __call__(self, *call: Any) -> None:
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps(call), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            _, said = self._process.communicate()
            self._process = self._started()
            pytest.fail(f"{call}: {said[:4000]}")
        assert answer == "ok\n"

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module", params=_SETS)
def kernels(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    isa = request.param
    features = {"avx2": {"avx2", "fma"}, "avx512": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}}
    if build.machine() != "x86_64" or not features.get(isa, set()) <= set(processor_features()):
        pytest.skip(f"no {isa} here")
    library = tmp_path_factory.mktemp("ops") / "kernels.so"
    source = str(build.FOLDER / "kernels.cpp")
    subprocess.run(["g++", *_FLAGS, *_SANITIZE, *_SETS[isa], f"-DISA={isa}", source, "-o", str(library)], check=True)
    harness = Harness(library, isa)
    yield harness
    harness.close()


def _sizes(least: int, *most: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.tuples(*(st.integers(least, m) for m in most))


@_FUZZ
@given(seed=st.integers(0, 99), sizes=_sizes(0, 140, 300, 300), turn=st.integers(0, 2))
def test_products(kernels: Harness, seed: int, sizes: tuple[int, ...], turn: int) -> None:
    kernels(seed, "product", *sizes, turn)


@_FUZZ
@given(seed=st.integers(0, 99), sizes=_sizes(1, 150, 300), kind=st.integers(0, 4), place=st.integers(0, 1))
def test_normalization(kernels: Harness, seed: int, sizes: tuple[int, ...], kind: int, place: int) -> None:
    kernels(seed, "norm", *sizes, kind, place)


@_FUZZ
@given(
    seed=st.integers(0, 99),
    maps=st.tuples(st.integers(0, 3), st.integers(1, 11), st.integers(1, 11), st.integers(1, 70)),
    results=_sizes(0, 9, 9),
    kernel=_sizes(1, 6, 6),
    strides=_sizes(1, 4, 4),
    before=_sizes(0, 5, 5),
)
def test_windows(kernels: Harness, seed: int, **sizes: tuple[int, ...]) -> None:
    kernels(seed, "window", *(size for group in sizes.values() for size in group))


@_FUZZ
@given(seed=st.integers(0, 99), sizes=_sizes(0, 4, 20, 70), place=st.integers(0, 1))
def test_scales(kernels: Harness, seed: int, sizes: tuple[int, ...], place: int) -> None:
    kernels(seed, "scale", *sizes, place)
