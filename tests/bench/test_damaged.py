"""Whatever bytes a .tflite file has: it is measured, or there is one line, also where the interpreter crashes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.bench.transport import WORKER
from kit.bench.values import Answer, Reading, Readings, Sample

# Measures each file that a line of stdin names in a fork of its own, as fast as many are needed here.
FORKS = """
import json, os, resource, sys
from pathlib import Path

import latency
import network
from agent import shown

latency._FIRST_S = latency._ALL_S = 20
chosen = network.engine(sys.argv[1])
latency.random_input((8,), "float32")
quiet = os.open(os.devnull, os.O_WRONLY)
for line in sys.stdin:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(quiet, 2)
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        code, out, err = 0, "", ""
        try:
            found = latency.measure(Path(line.strip()), latency.Options(sys.argv[1]), latency.Runs(1, 0), latency.Runs(1, 0))
            out = json.dumps(found)
        except network.Unusable as error:
            code, err = 1, f"error: {shown(str(error))}"
        except BaseException as error:
            code, err = 1, f"Traceback: {error!r}"
        os.write(writer, json.dumps([out, err]).encode())
        os._exit(code)
    os.close(writer)
    said = b"".join(iter(lambda: os.read(reader, 65536), b"")) or b'["", ""]'
    os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([code, *json.loads(said)]), flush=True)
"""


@pytest.fixture(scope="module", params=["litert", "tflite"])
def measured(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[bytes], Answer]]:
    """What the agent answers for a file of these bytes."""
    path = tmp_path_factory.mktemp("damaged") / "damaged.tflite"
    argv = [sys.executable, "-c", FORKS, request.param]
    moment = Reading(0, 0)
    with subprocess.Popen(argv, cwd=WORKER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout

        def measure(content: bytes) -> Answer:
            path.write_bytes(content)
            print(path, file=process.stdin, flush=True)
            return Answer(*json.loads(process.stdout.readline()), Readings(moment, (), moment))

        yield measure
        process.stdin.close()


CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)
QUIET = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None)


@QUIET
@given(changes=CHANGES, kept=st.one_of(st.just(1.0), st.floats(0, 1)), added=st.binary(max_size=8))
def test_damaged_bytes_are_measured_or_are_one_line(
    measured: Callable[[bytes], Answer], tiny: Path, changes: list[tuple[float, int]], kept: float, added: bytes
) -> None:
    content = bytearray(tiny.read_bytes())
    for where, value in changes:
        content[int(where * (len(content) - 1))] = value
    answer = measured(bytes(content[: int(kept * len(content))]) + added)
    if answer.code == 0:
        sample = msgspec.json.decode(answer.out, type=Sample)
        assert min(sample.latency_ns) > 0 and sample.inputs is not None
        assert all(sample.inputs)
    else:
        said = answer.reason("damaged.tflite", "damaged.tflite")
        assert said.isprintable() and said and "Traceback" not in answer.err
        assert answer.code == 1 or "crashed" in said or "out of memory" in said or "too long" in said
