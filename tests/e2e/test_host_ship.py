"""What travels to a host: all of it once, then only what is missing, and never a broken image."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.testing.fakepi import FakePi
from tests.conftest import wait_for
from tests.e2e.conftest import run
from tests.e2e.standin import CELL, Bench, containers, end, replaced

pytestmark = pytest.mark.usefixtures("empty")


@pytest.fixture
def empty(bench: Bench) -> None:
    bench("ship", "--remove")


def sent(said: str) -> tuple[str, int, int]:
    found = re.search(r"pi\.local: (\w+) of the image sent \(([\d,]+) bytes\), \d+ files \(([\d,]+) bytes\)", said)
    assert found, said
    return found[1], int(found[2].replace(",", "")), int(found[3].replace(",", ""))


def files(pi: FakePi) -> list[Path]:
    return [path for path in (pi.tree / "home" / "pi").rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def changed(pi: FakePi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Pi image with another agent in it."""
    folder = tmp_path_factory.mktemp("changed")
    (folder / "agent.py").write_text("print('changed')\n")
    (folder / "Dockerfile").write_text("FROM kit-pi:arm64\nCOPY agent.py /usr/share/kit/agent.py\n")
    run("docker", "build", "--quiet", "--platform=linux/arm64", "--tag=kit-pi:changed", ".", cwd=folder)
    yield "kit-pi:changed"
    run("docker", "image", "rm", "kit-pi:changed", cwd=folder)


def test_only_what_is_missing_travels_and_nothing_stays(bench: Bench, pi: FakePi, changed: str) -> None:
    begin, before = time.monotonic(), pi.sent_bytes()
    how, image_bytes, file_bytes = sent(bench("ship", "hosts"))
    models = [path.stat().st_size for path in bench.folder.glob("runs/hosts/*/s00/*/model.tflite")]
    assert how == "whole" and 20e6 < image_bytes < 40e6 and file_bytes == sum(models)
    took_s, wire = time.monotonic() - begin, pi.sent_bytes() - before
    print(f"first: {took_s:.1f} s, {image_bytes + file_bytes:,} bytes; {wire:,} on the wire")

    begin, before = time.monotonic(), pi.sent_bytes()
    assert sent(bench("ship", "hosts")) == ("nothing", 0, 0)
    print(f"again: {time.monotonic() - begin:.1f} s, 0 bytes; {pi.sent_bytes() - before:,} on the wire, all of it SSH's")

    begin, before = time.monotonic(), pi.sent_bytes()
    how, image_bytes, file_bytes = sent(bench("ship", "hosts", "--image", changed))
    assert how == "delta" and 0 < image_bytes < 1_000_000 and file_bytes == 0
    print(
        f"another agent: {time.monotonic() - begin:.1f} s, {image_bytes:,} bytes; {pi.sent_bytes() - before:,} on the wire"
    )

    assert "nothing of the kit is left" in bench("ship", "--remove")
    assert not files(pi) and not containers(pi) and not pi.enter("docker", "images", "--quiet").stdout


def test_a_cut_link_resumes_where_it_was(bench: Bench, pi: FakePi) -> None:
    pi.enter("true")
    run("tc", "qdisc", "add", "dev", pi.state().network, "root", "tbf", "rate", "40mbit", "burst", "64kb", "latency", "50ms",
        cwd=bench.folder)  # fmt: skip
    try:
        process = bench.start("ship", "--host", "pi.local")
        wait_for(lambda: any(path.stat().st_size > 3_000_000 for path in files(pi)))
        pi.cut()
        said = end(process, 1)
        assert said.splitlines()[-1].startswith("error: pi.local: ") and "the same command resumes" in said
        assert "Traceback" not in said
    finally:
        pi.cut(False)
        run("tc", "qdisc", "delete", "dev", pi.state().network, "root", cwd=bench.folder)
    (partial,) = files(pi)
    there = partial.stat().st_size
    how, image_bytes, _ = sent(bench("ship"))
    assert how == "whole" and there > 3_000_000 and image_bytes + there < 40e6
    print(f"{there:,} bytes were there, {image_bytes:,} followed")
    assert sent(bench("ship"))[0] == "nothing"


def test_an_engine_that_says_success_and_has_nothing_gets_the_whole_image(bench: Bench, pi: FakePi, changed: str) -> None:
    bench("ship")
    lie = (
        '#!/bin/sh\nif [ "$1" = load ] && [ "$(stat -c %s "$4")" -lt 1000000 ]; then echo "Loaded image: x"; exit 0; fi\n'
        'exec "$0.real" "$@"\n'
    )
    with replaced(pi, docker(pi), lie):
        assert sent(bench("ship", "--image", changed))[0] == "whole"


def test_an_image_that_does_not_start_is_an_error(bench: Bench, pi: FakePi) -> None:
    broken = '#!/bin/sh\nif [ "$1" = run ]; then echo "exec format error" >&2; exit 125; fi\nexec "$0.real" "$@"\n'
    with replaced(pi, docker(pi), broken):
        assert "kit-pi:arm64 does not run there" in bench.error("ship")


def docker(pi: FakePi) -> str:
    return next(path for path in ("usr/bin/docker", "usr/local/bin/docker") if (pi.tree / path).exists())


def test_what_is_wrong_here_is_one_line(bench: Bench) -> None:
    assert "there is no image kit-pi:gone on this machine: kit build pi" in bench.error("ship", "--image", "kit-pi:gone")
    assert "no file at gone.tflite" in bench.error("ship", "gone.tflite")
    assert "unknown protocol 'rigourous': did you mean rigorous?" in bench.error("bench", "hosts", "--protocol", "rigourous")
    assert "hosts is not" not in bench.error("bench", "hosts", CELL + "x")


def test_containerd_s_image_store(bench: Bench, pi: FakePi) -> None:
    """The one of Docker 29's fresh installations: an image's ID there is another than here."""
    pi.kill_engine()
    pi.start_engine(containerd=True)
    try:
        assert "whole of the image sent" in bench("ship")
        assert "nothing of the image sent" in bench("ship")
        assert "nothing of the kit is left" in bench("ship", "--remove")
    finally:
        pi.kill_engine()
        pi.start_engine()
