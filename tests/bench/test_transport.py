"""Measuring on this machine: the monitor as a child, the agent in fresh processes, and what is left of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from kit import store
from kit.bench import campaign, parity
from kit.bench.measure import BenchSeries
from kit.bench.progress import OnProgress, Progress
from kit.bench.request import BenchRequest, Recorder, Target, of_preset, replaced, state
from kit.bench.transport import Local, ReadyDevice
from kit.bench.values import Device
from kit.cli.targets import How, What
from kit.errors import KitError
from kit.runs import environment, predictions
from kit.runs.artifacts import MODEL, PREDICTIONS
from kit.runs.run import Run, create
from kit.runs.stage import State
from kit.study.grid import Cell
from kit.study.preset import load
from kit.study.protocols import PROTOCOLS
from tests.conftest import wait_for


def request(folder: Path, *models: Path, protocol: str = "trial") -> BenchRequest:
    return BenchRequest([Target(model.name, model) for model in models], PROTOCOLS[protocol], folder)


def test_a_pc_is_local_and_a_board_is_a_device(tmp_path: Path) -> None:
    assert Local().described()[0] == "local"
    tree = tmp_path / "firmware/devicetree/base"
    tree.mkdir(parents=True)
    for model, origin in (("Raspberry Pi 4 Model B Rev 1.4", "device"), ("linux,dummy-virt", "local")):
        (tree / "model").write_text(model + "\0")
        found, device = Local(tmp_path).described()
        assert found == origin and (origin == "local" or device.model == model)


def test_a_request_is_measured_in_fresh_processes(tiny: Path, tmp_path: Path) -> None:
    told: list[Progress] = []
    (outcome,) = campaign.bench(request(tmp_path, tiny), [Local()], told.append)
    assert outcome.lost is None and not outcome.failed
    (measured,) = outcome.measured
    values = measured.values
    assert (values.origin, values.validity, values.attempts) == ("local", "valid", (1, 1))
    assert [len(sample.latency_ns) for sample in values.samples] == [3, 3]
    assert all(sample.nodes == sample.delegated_nodes for sample in values.samples)
    assert len(values.readings) == 2 and values.readings[0].before.time <= values.readings[1].before.time
    assert [(one.state, one.done) for one in told] == [("running", 0), ("waiting", 1), ("running", 1), ("done", 2)]
    assert not (tmp_path / ".bench").exists()


def test_readings_are_those_of_the_folder(tiny: Path, tmp_path: Path) -> None:
    cpu = tmp_path / "devices/system/cpu/cpu0/cpufreq"
    cpu.mkdir(parents=True)
    for name, value in (("governor", "performance"), ("cur_freq", "600000"), ("max_freq", "1500000")):
        (cpu / f"scaling_{name}").write_text(value)
    (outcome,) = campaign.bench(request(tmp_path, tiny), [Local(tmp_path)], lambda progress: None)
    (measured,) = outcome.measured
    assert measured.values.validity == "invalid" and measured.values.attempts == (3, 3)
    assert measured.values.invalid_reasons == ("the clock fell to 600 of 1500 MHz",)


def test_a_file_that_is_no_model_does_not_stop_the_others(tiny: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"no model")
    (outcome,) = campaign.bench(request(tmp_path, tiny, broken), [Local()], lambda progress: None)
    assert [one.target.name for one in outcome.measured] == ["tiny.tflite"]
    ((_, name),) = outcome.failed
    assert name == "broken.tflite" and "is not a model" in next(iter(outcome.failed.values()))


class Elsewhere(Local):
    """As on a host: a file there has its SHA-256 for a name."""

    @contextmanager
    def open(self, files: Mapping[str, Path], on_progress: OnProgress, clock_mhz: int = 0) -> Iterator[ReadyDevice]:
        there = {digest: Path(shutil.copy(path, path.with_name(digest))) for digest, path in files.items()}
        with super().open(there, on_progress, clock_mhz) as ready:
            yield ready


def test_what_is_no_model_is_called_what_the_user_calls_it(tmp_path: Path) -> None:
    far = tmp_path.joinpath(*["a-long-folder-name"] * 12)
    far.mkdir(parents=True)
    (far / "mine.tflite").write_bytes(b"no model")
    for transport in (Local(), Elsewhere()):
        (outcome,) = campaign.bench(request(tmp_path, far / "mine.tflite"), [transport], lambda progress: None)
        (said,) = outcome.failed.values()
        assert said.startswith("mine.tflite is not a model in TFLite's format") and said.endswith("convert the model first")


def test_it_resumes_at_the_process_where_it_was_stopped(tiny: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise KitError("enough")

    (outcome,) = campaign.bench(request(tmp_path, tiny), [Local()], stop)
    assert str(outcome.lost) == "enough"
    (journal,) = (tmp_path / ".bench").glob("*.jsonl")
    kept = json.loads(journal.read_bytes().splitlines()[1])["sample"]["latency_ns"]
    shown: list[Progress] = []
    (outcome,) = campaign.bench(request(tmp_path, tiny), [Local()], shown.append)
    assert (shown[0].state, shown[0].done) == ("waiting", 1)  # what was measured before counts
    assert list(outcome.measured[0].values.samples[0].latency_ns) == kept


def test_another_model_s_bench_takes_nothing_from_one_that_was_stopped(tiny: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise KitError("enough")

    other = Path(shutil.copy(tiny, tmp_path / "other.tflite"))
    campaign.bench(request(tmp_path, tiny), [Local()], stop)
    campaign.bench(request(tmp_path, other), [Local()], lambda progress: None)
    shown: list[Progress] = []
    campaign.bench(request(tmp_path, tiny), [Local()], shown.append)
    assert (shown[0].state, shown[0].done) == ("waiting", 1) and not (tmp_path / ".bench").exists()


def test_times_outlive_predictions_that_cannot_be_compared(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def there(bench: ReadyDevice, series: BenchSeries, digest: str, run: Run, cell: Cell, chosen: parity.Images) -> object:
        if cell == cells[1]:
            raise parity.ParityError("none there")
        return ((0,), (1,))

    run, cells = (
        create(tmp_path / "run", load("smoke")),
        [Cell("mobilenet", 1, 0, "float32"), Cell("mobilenet", 1, 0, "int8")],
    )
    kept = predictions.keep(np.eye(10, dtype=np.float32)[:2], np.arange(2))
    for cell in cells:
        (run.folder / cell.name).mkdir(parents=True)
        shutil.copy(tiny, run.path(cell, MODEL))
        run.path(cell, PREDICTIONS).write_bytes(predictions.encode({"test": kept}))
    monkeypatch.setattr(parity, "images", lambda *_: parity.Images(tiny, "images", (0, 1), run.preset.data.classes))
    monkeypatch.setattr(parity, "there", there)
    asked = replace(of_preset(run, cells), parity_images=2)
    (outcome,) = campaign.bench(asked, [Local()], lambda progress: None)
    assert [name for _, name in outcome.failed] == [cells[1].name] and len(outcome.measured) == 2
    found = [run.read(path) for cell in cells for path in run.bench_paths(cell)]
    assert [(one.settings["parity_images"], bool(one.values["parity"])) for one in found] == [(2, True), (0, False)]
    (again,) = campaign.bench(replace(asked, parity_images=0), [Local()], lambda progress: None)
    assert [one.fresh for one in again.measured] == [True, True]


def test_without_images_only_predictions_that_were_asked_for_are_an_error(tmp_path: Path) -> None:
    run, cell = create(tmp_path / "run", load("smoke")), Cell("mobilenet", 1, 0, "float32")
    store.write(run.path(cell, MODEL), b"model")
    what, asked = What(run.folder, None, tmp_path, tmp_path / "data"), How("", [], [], [1], None, 0.0)
    request = asked.of(what, is_local=False)
    assert (request.parity_images, request.comparable().parity_images) == (200, 0)
    with pytest.raises(KitError, match="the images are not in"):
        replace(asked, parity=20).of(what, is_local=True)


class Moved(Local):
    """The same folder on another machine."""

    def described(self) -> tuple[str, Device]:
        origin, device = super().described()
        return origin, msgspec.structs.replace(device, model="Another PC")


def test_what_another_machine_measured_is_measured_again(tiny: Path, tmp_path: Path) -> None:
    run, cell = create(tmp_path / "run", load("smoke")), Cell("mobilenet", 1, 0, "float32")
    (run.folder / cell.name).mkdir(parents=True)
    shutil.copy(tiny, run.path(cell, MODEL))
    asked = of_preset(run, [cell])
    campaign.bench(asked, [Moved()], lambda progress: None)
    assert state(run, cell, Moved()) is State.fresh and state(run, cell, Local()) is State.stale
    assert replaced(asked, Local()) == ["1 record is of Another PC, not of this machine, and measured again"]
    (outcome,) = campaign.bench(asked, [Local()], lambda progress: None)
    assert [(one.fresh, one.values.device.model) for one in outcome.measured] == [(False, Local().model)]
    assert state(run, cell, Local()) is State.fresh and not replaced(asked, Local())


def test_what_another_protocol_measured_is_not_stale_but_missing(tiny: Path, tmp_path: Path) -> None:
    run, cell = create(tmp_path / "run", load("smoke")), Cell("mobilenet", 1, 0, "float32")
    (run.folder / cell.name).mkdir(parents=True)
    shutil.copy(tiny, run.path(cell, MODEL))
    campaign.bench(replace(of_preset(run, [cell]), delegates=("none",)), [Local()], lambda progress: None)
    assert run.bench_paths(cell)
    another = msgspec.structs.replace(run.preset, bench=msgspec.structs.replace(run.preset.bench, protocol="rigorous"))
    assert state(Run(run.folder, another), cell, Local()) is State.missing


def test_what_another_machine_began_is_begun_anew(tiny: Path, tmp_path: Path) -> None:
    def stop(progress: Progress) -> None:
        if progress.done == 1:
            raise KitError("enough")

    campaign.bench(request(tmp_path, tiny), [Moved()], stop)
    shown: list[Progress] = []
    campaign.bench(request(tmp_path, tiny), [Local()], shown.append)
    assert (shown[0].state, shown[0].done) == ("running", 0)


def test_a_journal_is_of_a_device_and_versions_whatever_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, device = request(tmp_path), Device("PC", "Linux 6.1")
    recorder, series = Recorder(asked, Local()), asked.series()[0]
    own = recorder.journal_fingerprint(series, device)
    assert Recorder(replace(asked, parity_images=20), Local()).journal_fingerprint(series, device) == own
    assert recorder.journal_fingerprint(series, Device("PC", "Linux 6.2")) != own
    monkeypatch.setattr(environment, "packages", dict)
    assert recorder.journal_fingerprint(series, device) != own


LONG = """
import sys
from pathlib import Path
from kit.bench.transport import Local

with Local().open({"x": Path(sys.argv[1])}, lambda progress: None) as bench:
    bench.monitor.dialog.send('["measure", "%s", "--seconds=60"]' % bench.files["x"])
    print("asked", flush=True)
    bench.monitor.receive(dict)
"""


def agents() -> list[str]:
    found = subprocess.run(["pgrep", "-f", "agent.py measure .*--seconds=60"], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_measurement_outlives_the_kit(tiny: Path, number: int) -> None:
    with subprocess.Popen([sys.executable, "-c", LONG, tiny], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as kit:
        assert kit.stdout is not None and kit.stdout.readline() == b"asked\n"
        wait_for(agents)
        os.kill(kit.pid, number)
    deadline = time.monotonic() + 30  # by itself it would take 60 s
    while agents() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not agents()


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"babel", "jinja2", "scipy", "statsmodels", "altair", "safetensors", "tensorflow",
                                      "sklearn", "pooch", "docker", "zstandard"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from kit.cli.app import main

sys.argv = ["kit", "bench", "--protocol", "trial", *sys.argv[1:]]
main()
"""


def test_the_extra_bench_is_all_that_it_needs(tiny: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, tiny], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 measured, 0 were up to date, 0 failed" in done.stdout and "local, litert-xnnpack-t1-trial" in done.stdout


def test_a_file_that_is_gone_is_said_and_the_others_are_measured(tiny: Path, tmp_path: Path) -> None:
    run = create(tmp_path / "run", load("smoke"))
    cells = [Cell("mobilenet", 1, 0, "float32"), Cell("mobilenet", 1, 0, "int8")]
    (run.folder / cells[0].name).mkdir(parents=True)
    shutil.copy(tiny, run.path(cells[0], "model.tflite"))
    asked = of_preset(run, cells)
    (outcome,) = campaign.bench(asked, [Local()], lambda progress: None)
    assert [one.target.cell for one in outcome.measured] == cells[:1] and outcome.lost is None
    ((_, name),) = outcome.failed
    assert name == cells[1].name and state(run, cells[0], Local()).is_done and not state(run, cells[1], Local()).is_done
    again = campaign.bench(asked, [Local()], lambda progress: None)[0]
    assert [one.fresh for one in again.measured] == [True]
    (record,) = run.bench_paths(cells[0])
    record.write_text("{")
    assert not state(run, cells[0], Local()).is_done
