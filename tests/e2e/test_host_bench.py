"""`kit bench --host`: from nothing to a table and records, whatever is cut, killed or hot meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kit.testing.fakepi import FakePi
from tests.conftest import PATIENCE_S, interrupt, wait_for
from tests.e2e.standin import CELL, TRIAL, Bench, containers, end, governors

THROTTLED = "devices/platform/soc/soc:firmware/get_throttled"
CLOCK = "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
MODEL = f"runs/hosts/{CELL}/model.tflite"


def test_from_nothing_to_records(bench: Bench, pi: FakePi) -> None:
    bench("ship", "--remove")
    begin, before = time.monotonic(), pi.sent_bytes()
    said = bench("bench", "hosts", "--protocol", "trial", "--parity", "10")
    print(f"{time.monotonic() - begin:.0f} s, {pi.sent_bytes() - before:,} bytes on the wire\n{said}")
    assert "whole of the image sent" in said and said.count("(emulated)") >= 6
    records = bench.records()
    assert len(records) == 6
    for record in records:
        values = record["values"]
        assert record["stage"] == "bench" and record["settings"]["where"] == "pi.local"
        assert values["origin"] == "emulated" and values["device"]["model"].startswith("Raspberry Pi 4")
        assert values["validity"] == "valid" and values["invalid_reasons"] == []
        assert [len(sample["latency_ns"]) for sample in values["samples"]] == [3, 3]
        assert values["parity"]["n"] == 10 and len(values["parity"]["differing"]) <= 1
        assert {readings["before"]["governor"] for readings in values["readings"]} == {"performance"}
        assert len(values["sentinel"]) == 3 and values["image"].startswith("sha256:")
        assert all(sample["nodes"] > 20 and sample["delegated_nodes"] == 0 for sample in values["samples"])
        assert "xnnpack runs none of the file's nodes" in values["warnings"], "under qemu it does not start"
    assert governors(pi) == {"ondemand"} and not containers(pi) and not bench.journal()
    assert "records hold" in end(bench.start("verify", "hosts"))
    again = bench("bench", "hosts", "--protocol", "trial", "--parity", "10", "--json")
    assert len(json.loads(again)) == 6


def test_files_from_elsewhere_are_measured_there_or_are_a_line_each(bench: Bench, foreign: Path) -> None:
    content = (foreign / "image.tflite").read_bytes()
    (bench.folder / "torn.tflite").write_bytes(content[: len(content) * 2 // 3])
    named = [str(foreign / f"{name}.tflite") for name in ("several", "uint8", "open", "flex")]
    said = bench("bench", *named, "torn.tflite", "--protocol", "trial", code=1)
    assert "several.tflite was given ids 1 x 5 int32 (" in said and "uint8 (random, 0 to 255)" in said
    assert "takes 1 x open x open x 3: choose the size to measure" in said and "TensorFlow itself (FlexErf)" in said
    assert "torn.tflite: " in said and "2 measured, 0 were up to date, 3 failed" in said and "Traceback" not in said
    chosen = bench("bench", foreign / "open.tflite", "--shape", "1,16,24,3", "--protocol", "trial", "--json")
    assert '"input_shape":[1,16,24,3]' in chosen


def test_a_cut_link_resumes_at_the_measurement_where_it_was(bench: Bench, pi: FakePi) -> None:
    process = bench.start("bench", "hosts", "mobilenet_v3_small", *TRIAL, "--host", "pi.local")
    wait_for(lambda: bench.journal() >= 2)
    pi.cut()
    said = end(process, 1)
    pi.cut(False)
    assert said.splitlines()[-1].startswith("error: pi.local: ") and "Traceback" not in said
    wait_for(lambda: not containers(pi))
    assert governors(pi) == {"ondemand"}, "the container puts it back by itself"
    resumes(bench, "mobilenet_v3_small")


def resumes(bench: Bench, what: str) -> None:
    """The next call keeps what was measured, and measures the rest."""
    kept = next(path.read_bytes() for path in bench.folder.glob("runs/hosts/.bench/*.jsonl"))
    measured = [json.loads(line)["sample"] for line in kept.splitlines()[1:] if not json.loads(line)["unit"]["sentinel"]]
    bench("bench", "hosts", what, *TRIAL)
    samples = [sample for record in bench.records() for sample in record["values"]["samples"]]
    assert all(sample in samples for sample in measured) and len(samples) > len(measured)


def test_ctrl_c_and_kill_9_leave_nothing_running(bench: Bench, pi: FakePi) -> None:
    for kill in (interrupt, lambda process: os.kill(process.pid, signal.SIGKILL)):
        shutil.rmtree(bench.folder / "runs" / "hosts" / ".bench", ignore_errors=True)
        process = bench.start("bench", "hosts", "mobilenet_v3_small", *TRIAL, "--host", "pi.local")
        wait_for(lambda: bench.journal() >= 1)
        assert governors(pi) == {"performance"}
        kill(process)
        process.communicate(timeout=PATIENCE_S)
        wait_for(lambda: not containers(pi))
        assert governors(pi) == {"ondemand"}
    resumes(bench, "mobilenet_v3_small")


def test_a_killed_engine_is_one_line_and_the_next_call_resumes(bench: Bench, pi: FakePi) -> None:
    process = bench.start("bench", "hosts", "mobilenet_v3_small", *TRIAL, "--host", "pi.local")
    wait_for(lambda: bench.journal() >= 2)
    pi.kill_engine()
    try:
        said = end(process, 1)
    finally:
        pi.start_engine()
    assert "Traceback" not in said and "the same command resumes" in said.splitlines()[-1]
    resumes(bench, "mobilenet_v3_small")
    assert governors(pi) == {"ondemand"}


def test_the_governor_is_put_back_after_a_kill_9_of_what_holds_it(bench: Bench, pi: FakePi) -> None:
    process = bench.start("bench", MODEL, *TRIAL, "--host", "pi.local")
    wait_for(lambda: governors(pi) == {"performance"})
    (holder,) = pi.enter("docker", "ps", "--quiet", "--filter", "label=kit.role=governor").stdout.split()
    pi.enter("docker", "kill", "--signal=KILL", holder)
    end(process)
    assert governors(pi) == {"ondemand"}


def test_a_kill_9_on_both_sides_is_fixed_by_the_next_call(bench: Bench, pi: FakePi) -> None:
    process = bench.start("bench", MODEL, *TRIAL, "--host", "pi.local")
    wait_for(lambda: governors(pi) == {"performance"})
    (holder,) = pi.enter("docker", "ps", "--quiet", "--filter", "label=kit.role=governor").stdout.split()
    os.kill(process.pid, signal.SIGKILL)
    pi.enter("docker", "kill", "--signal=KILL", holder)
    process.communicate()
    bench("bench", MODEL, *TRIAL)
    assert governors(pi) == {"ondemand"}


@contextmanager
def meanwhile(bench: Bench, pi: FakePi, change: Callable[[], object], until: int | None = None) -> Iterator[None]:
    """Make the change while a measurement runs, again and again, until the journal has `until` entries."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            if until is not None and bench.journal() >= until:
                return
            change()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_throttled_cell_is_measured_again_and_then_invalid(bench: Bench, pi: FakePi) -> None:
    with meanwhile(bench, pi, lambda: (pi.sys / THROTTLED).write_text("50005\n")):
        said = bench("bench", "hosts", CELL, *TRIAL, "--cooling", "0")
    (record,) = bench.records()
    assert record["values"]["validity"] == "invalid"
    assert set(record["values"]["invalid_reasons"]) == {"under-voltage", "throttled"}
    assert record["values"]["attempts"] == [3, 3]
    assert " again " in said and "INVALID: throttled; INVALID: under-voltage" in said
    row = next(line for line in said.splitlines() if line.startswith(CELL))
    assert "(emulated) (invalid)" in row and row.endswith("invalid"), "it is shown and marked, and decides nothing"

    pi.reset_sys()
    bench("bench", "hosts", CELL, *TRIAL, "--cooling", "0")
    (record,) = bench.records()
    assert record["values"]["validity"] == "valid" and not record["values"]["invalid_reasons"], (
        "the next call measures it again"
    )


def test_a_pi_5_becomes_invalid_too(bench: Bench, pi: FakePi) -> None:
    pi.reset_sys("pi5")
    (throttled,) = pi.sys.glob("devices/platform/soc@*/*firmware*/get_throttled")
    with meanwhile(bench, pi, lambda: throttled.write_text("50000\n")):
        bench("bench", "hosts", CELL, *TRIAL, "--cooling", "0")
    (record,) = bench.records()
    values = record["values"]
    assert values["device"]["model"].startswith("Raspberry Pi 5") and values["validity"] == "invalid"
    assert set(values["invalid_reasons"]) == {"under-voltage", "throttled"}


def test_garbage_in_sys_is_unknown_and_nothing_waits(bench: Bench, pi: FakePi) -> None:
    for name in (THROTTLED, CLOCK, "class/thermal/thermal_zone0/temp"):
        (pi.sys / name).write_text("no number\n")
    said = bench("bench", "hosts", CELL, *TRIAL)
    assert "the device does not tell whether it throttles" in said
    (record,) = bench.records()
    reading = record["values"]["readings"][0]["before"]
    assert reading["throttled"] is None and reading["temperature_c"] is None and len(reading["clock_khz"]) == 3


def test_a_fast_pi_4_is_said_and_can_be_pinned(bench: Bench, pi: FakePi) -> None:
    pi.reset_sys("pi4-fast")
    assert "clock 1800 MHz, the study's was 1500 (--clock 1500 pins it)" in bench("bench", "hosts", CELL, *TRIAL)
    said = bench("bench", "hosts", CELL, *TRIAL, "--clock", "1500")
    assert "pi.local, tflite-xnnpack-t1-trial-1500mhz" in said and "clock 1800 MHz" not in said
    clocks = pi.sys.glob("devices/system/cpu/cpu*/cpufreq/scaling_max_freq")
    assert {path.read_text().strip() for path in clocks} == {"1800000"}, "it is put back"
    pinned = {r["settings"].get("clock_mhz"): r["values"]["readings"][0]["before"] for r in bench.records()}
    assert pinned[1500]["max_clock_khz"] == [1_500_000] * 4 and pinned[None]["max_clock_khz"] == [1_800_000] * 4


def test_a_clock_that_falls_in_the_middle_of_a_cell(bench: Bench, pi: FakePi) -> None:
    with meanwhile(bench, pi, lambda: (pi.sys / CLOCK).write_text("600000\n")):
        said = bench("bench", "hosts", CELL, *TRIAL)
    assert "INVALID: the clock fell to 600 of 1500 MHz" in said


def test_a_hot_device_is_waited_for(bench: Bench, pi: FakePi) -> None:
    temperature = pi.sys / "class/thermal/thermal_zone0/temp"
    temperature.write_text("81000\n")
    process = bench.start("bench", "hosts", CELL, *TRIAL, "--host", "pi.local", "--cooling", str(PATIENCE_S))
    assert process.stdout is not None
    assert next(line for line in process.stdout if " cooling " in line) and not bench.journal()
    temperature.write_text("50000\n")
    end(process)
    (record,) = bench.records()
    assert record["values"]["cooled_s"][0] > 1 and record["values"]["validity"] == "valid"


def test_a_second_kit_does_not_disturb_the_first(bench: Bench, pi: FakePi) -> None:
    process = bench.start("bench", "hosts", *TRIAL, "--host", "pi.local")
    wait_for(lambda: containers(pi))
    assert "another kit is working on" in bench.error("bench", "hosts", CELL, *TRIAL)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    end(process, 130)


def test_a_file_that_is_no_model(bench: Bench, pi: FakePi) -> None:
    (bench.folder / "broken.tflite").write_bytes(b"no model")
    said = bench.error("bench", "broken.tflite", *TRIAL)
    assert said.startswith("error: broken.tflite is not a model in TFLite's format, it begins with b'no model'"), said
    (bench.folder / "damaged.tflite").write_bytes(b"\x1c\0\0\0TFL3" + bytes(200))
    said = bench("bench", "damaged.tflite", *TRIAL, code=1)
    assert "damaged.tflite is not a model that this interpreter can run: " in said, said
    assert said.splitlines()[-1].startswith("error: 1 measurement failed: "), said


def test_a_reboot_in_the_middle(bench: Bench, pi: FakePi) -> None:
    process = bench.start("bench", "hosts", "mobilenet_v3_small", *TRIAL, "--host", "pi.local")
    wait_for(lambda: bench.journal() >= 2)
    pi.down()
    said = end(process, 1)
    pi.up()
    assert "Traceback" not in said and said.splitlines()[-1].startswith("error: pi.local: ")
    resumes(bench, "mobilenet_v3_small")


def test_a_host_that_is_gone_does_not_stop_the_others(bench: Bench, pi: FakePi) -> None:
    config = pi.config.read_text()
    try:
        pi.config.write_text(config + "Host gone\n  HostName 127.0.0.1\n  Port 1\n")
        said = bench("bench", "hosts", CELL, *TRIAL, "--host", "gone", code=1)
    finally:
        pi.config.write_text(config)
    assert "error: gone: nothing listens there" in said and f"{CELL} " in said
    (record,) = bench.records()
    assert record["settings"]["where"] == "pi.local" and len(record["values"]["samples"]) == 2


def test_delegates_and_interpreters_are_series_of_their_own(bench: Bench, pi: FakePi) -> None:
    both = ("--delegate", "none", "--delegate", "xnnpack", "--interpreter", "tflite", "--interpreter", "litert")
    said = bench("bench", "hosts", CELL, *TRIAL, *both)
    assert {line for line in said.splitlines() if line.startswith("pi.local, ")} == {
        f"pi.local, {interpreter}-{delegate}-t1-trial"
        for interpreter in ("tflite", "litert")
        for delegate in ("none", "xnnpack")
    }
    ways = [(record["settings"]["interpreter"], record["settings"]["delegate"]) for record in bench.records()]
    assert sorted(ways) == [("litert", "none"), ("litert", "xnnpack"), ("tflite", "none"), ("tflite", "xnnpack")]
    assert "4 measured, 0 were up to date, 0 failed" in said
