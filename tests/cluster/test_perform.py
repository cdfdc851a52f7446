"""What a worker makes of an order."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from kit.cluster.link import Link
from kit.cluster.messages import File, Order
from kit.cluster.perform import _Following, _with_own_networks
from kit.runs.run import create
from kit.study import networks
from kit.study.preset import load
from kit.study.settings import Network
from kit.workflow.graph import Job


def test_networks_of_the_users_own_are_read_where_they_were_laid_out(tmp_path: Path) -> None:
    own = Network(input="0..1", build="my/nets:tiny", weights="/far/w.safetensors", sha256="0" * 64)
    (tmp_path / "mine" / "parts").mkdir(parents=True)
    (tmp_path / "mine" / "nets.py").write_text("from parts.blocks import block\n")
    (tmp_path / "mine" / "parts" / "blocks.py").touch()
    preset = replace(load("smoke"), networks={"mine": own})
    order = Order(Job((), ()), preset, True, (), (), (File("mine/nets.py", "", 0),), 1.0)
    here = _with_own_networks(order, tmp_path).networks["mine"]
    names = ("nets.py", "parts/blocks.py", "w.safetensors")
    assert networks.files(here) == {name: tmp_path / "mine" / name for name in names}
    assert networks.settings(here) == networks.settings(own)  # its records are those of the head


def test_a_checkpoint_that_goes_with_its_stage_costs_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preset, sent = load("smoke"), []

    async def ask(what: str, **keywords: object) -> bool:
        sent.append(keywords["name"])
        return True

    run = create(tmp_path / "run", preset)
    (run.folder / "there").write_bytes(b"epoch 3")
    following = _Following(Link(ask, "key", "red"), run, Order(Job((), ()), preset, True, (), (), (), 1.0))
    monkeypatch.setattr(following, "_checkpoints", lambda: [run.folder / "gone", run.folder / "there"])
    asyncio.run(following._keep_checkpoints())
    assert set(sent) == {"there"}
