"""Same preset, same machine: byte-identical results, however often the run was killed."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.conftest import CELLS, PATIENCE_S, Kit, wait_for
from tests.report.pages import markdown

GOES_WRONG = """
[training.learning_rates]
mobilenet_v3_small_minimalistic = 1e30
"""


def bytes_of(kit: Kit) -> dict[str, bytes]:
    run = kit.folder / "runs" / "smoke"
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.glob("**/*")
        if path.suffix in (".tflite", ".safetensors")
    }


def workers_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(path.parent.name)
            found += [child, *workers_of(child)]
    return found


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(smoke: Kit, kit: Kit) -> None:
    seed = time.time_ns()
    print(f"moments of seed {seed}")
    moments = random.Random(seed)
    for _ in range(4):
        process = kit.start("reproduce", "--preset", "smoke", *CELLS)
        time.sleep(moments.uniform(8, 22))
        workers = workers_of(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        wait_for(lambda pids=workers: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    kit("reproduce", "--preset", "smoke", *CELLS)
    assert bytes_of(kit) == bytes_of(smoke)
    assert not list(kit.folder.rglob("*.partial")) and not list(kit.folder.rglob("checkpoint*"))
    assert "all 14 records hold" in kit("verify", "smoke")


def test_only_what_a_change_touches_runs_again(smoke: Kit, kit: Kit) -> None:
    import shutil

    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    from kit.study import preset

    text = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    (kit.folder / "mine.toml").write_text(text.replace("calibration_images = 100", "calibration_images = 50"))
    said = kit("reproduce", "--preset", "mine.toml", "--run", "runs/smoke", "--dry-run", *CELLS)
    stale = {line.partition(":")[0] for line in said.splitlines() if ": about" in line}
    assert stale == {
        f"{stage} mobilenet_v3_small@1/{sparsity}/int8"
        for stage in ("convert", "evaluate", "bench")
        for sparsity in ("s00", "s60")
    }


def test_finished_weights_of_other_settings_are_not_overwritten(smoke: Kit, kit: Kit) -> None:
    import shutil

    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    before = bytes_of(kit)
    from kit.study import preset

    text = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    (kit.folder / "mine.toml").write_text(text.replace("epochs = 12", "epochs = 11", 1))
    said = kit("reproduce", "--preset", "mine.toml", *CELLS, code=1)
    assert "runs/smoke has 1 finished training of other settings" in said
    assert "train mobilenet_v3_small@1/s00 has epochs 12, now 11: choose another folder with --run" in said
    assert bytes_of(kit) == before
    assert "epochs: 12" in (kit.folder / "runs" / "smoke" / "preset.json").read_text().replace('"', "")


def test_a_damaged_preset_is_written_again_by_whoever_has_it(smoke: Kit, kit: Kit) -> None:
    import shutil

    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    path = kit.folder / "runs" / "smoke" / "preset.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:867])
    assert "preset.json is damaged" in kit("verify", "smoke", code=1)
    assert "14 were up to date, 0 failed" in kit("reproduce", "--preset", "smoke", *CELLS)
    assert path.read_bytes() == whole
    path.write_bytes(b"")  # and records still guard what another preset would overwrite
    from kit.study import preset

    text = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    (kit.folder / "mine.toml").write_text(text.replace("epochs = 12", "epochs = 11", 1))
    assert "1 finished training of other settings" in kit("reproduce", "--preset", "mine.toml", *CELLS, code=1)


def test_a_seed_can_be_added_and_only_it_is_trained(smoke: Kit, kit: Kit) -> None:
    import shutil

    shutil.copytree(smoke.folder / "runs" / "smoke", kit.folder / "runs" / "smoke")
    from kit.study import preset

    text = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    (kit.folder / "mine.toml").write_text(text.replace("seeds = [1]", "seeds = [1, 2]"))
    planned = kit("reproduce", "--preset", "mine.toml", "--dry-run", "mobilenet_v3_small/s00", "mobilenet_v3_small/s60")
    stale = {line.partition(":")[0] for line in planned.splitlines() if ": about" in line}
    assert len(stale) == 14 and all("mobilenet_v3_small@2/" in name for name in stale)
    assert "14 of 28 tasks" in planned


def test_a_cell_that_fails_does_not_end_the_grid(kit: Kit) -> None:
    from kit.study import preset

    text = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    text = text.replace(
        '"mobilenet", "mobilenet_v2", "mobilenet_v3_small"', '"mobilenet_v3_small_minimalistic", "mobilenet_v3_small"'
    )
    text = text.replace("epochs = 12", "epochs = 1").replace("[pruning]", GOES_WRONG + "[pruning]", 1)
    (kit.folder / "wrong.toml").write_text(text.replace('name = "smoke"', 'name = "wrong"'))
    cells = [f"{name}/{s}" for name in ("mobilenet_v3_small_minimalistic", "mobilenet_v3_small") for s in ("s00", "s30")]
    said = kit("reproduce", "--preset", "wrong.toml", *cells, code=1)
    assert "failed: train mobilenet_v3_small_minimalistic@1/s00: training diverged in epoch 1" in said
    assert "not done, because what it needs failed: prune mobilenet_v3_small_minimalistic@1/s30" in said
    assert "14 tasks done, 0 were up to date, 1 failed" in said
    assert "mobilenet_v3_small@1/s30/int8" in markdown(kit.folder / "reports" / "wrong")


def test_where_all_failed_the_cause_is_said_and_not_that_there_is_nothing_to_report(kit: Kit) -> None:
    from kit.study import preset

    text = preset.resources.files("kit.study.presets").joinpath("smoke.toml").read_text()
    text = text.replace('"mobilenet", "mobilenet_v2", "mobilenet_v3_small"', '"mobilenet_v3_small_minimalistic"')
    text = text.replace("[pruning]", GOES_WRONG + "[pruning]", 1)
    (kit.folder / "wrong.toml").write_text(text.replace('name = "smoke"', 'name = "wrong"'))
    said = kit("reproduce", "--preset", "wrong.toml", "mobilenet_v3_small_minimalistic@1/s00", code=1)
    assert "failed: train mobilenet_v3_small_minimalistic@1/s00: training diverged in epoch 1" in said
    assert "error: 1 task failed: fix the causes above" in said and "no results" not in said


def test_a_worker_that_is_killed_is_a_failed_task_and_leaves_no_files(
    kit: Kit, endless: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(kit.folder))
    process = kit.start("train", "mobilenet_v3_small", "--preset", endless)
    log = kit.folder / "runs" / "smoke" / "logs" / "train-mobilenet_v3_small@1-s00.log"

    def worker() -> list[int]:
        assert process.poll() is None, "it ended by itself"
        return [pid for pid in workers_of(process.pid) if Path(f"/proc/{pid}/fd/1").resolve() == log.resolve()]

    (pid,) = wait_for(worker)
    wait_for(lambda: list(kit.folder.glob("kit-*/*/__autograph*")))
    os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "failed: train mobilenet_v3_small@1/s00: its process was killed, probably out of memory" in out
    assert err.startswith("error: 1 task failed: fix the causes above")
    assert not list(kit.folder.glob("kit-*"))


def test_a_full_disk_fails_the_task_and_loses_nothing(kit: Kit) -> None:
    import resource

    def small_files_only() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9_000_000, 9_000_000))

    kit("data", "digits")
    said = kit("train", "mobilenet_v3_small", "--preset", "smoke", code=1, preexec_fn=small_files_only)
    assert "checkpoint.safetensors (File too large): raise `ulimit -f`" in said
    assert not list(kit.folder.rglob("*.partial"))
