"""What `--cluster` and `kit worker` take for an address, and whom they let in without keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from kit.cluster.address import Address, parse, refuse_open
from kit.cluster.target import Target
from kit.errors import KitError
from tests.conftest import Kit


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tcp://head:8786", Address("head", 8786)),
        ("tls://10.0.0.1", Address("10.0.0.1", 8786)),
        ("tcp://[::1]:80", Address("::1", 80)),
        ("tcp://[::1]", Address("::1", 8786)),
    ],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse(text) == address and parse(str(address)) == address


@pytest.mark.parametrize("text", ["head:8786", "http://head", "tcp://:8786", "tcp://head:x", "tcp://head:99999", "local:0"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(KitError, match="is no address of a cluster's head: write it like tcp://head:8786"):
        parse(text)


def test_without_keys_only_this_machine() -> None:
    refuse_open(parse("tcp://127.0.0.1:1"), None, False)
    refuse_open(parse("tcp://192.0.2.1:1"), Path("keys"), False)
    refuse_open(parse("tcp://192.0.2.1:1"), None, True)
    for open_to_all in ("tcp://192.0.2.1:1", "tcp://0.0.0.0:1"):
        with pytest.raises(KitError, match="open to the network, and there are no keys"):
            refuse_open(parse(open_to_all), None, False)
    with pytest.raises(KitError, match=r"no machine is known as nowhere\.invalid here"):
        refuse_open(parse("tcp://nowhere.invalid"), None, False)


def test_a_cluster_is_checked_before_anything_else(tmp_path: Path) -> None:
    Target("local:2").check()
    (tmp_path / "slurm.toml").write_text('head = "tcp://192.0.2.1"\nworkers = 1\n')
    for name, wrong in (
        ("locl:2", "is no address"),
        (str(tmp_path / "slurm.toml"), "there are no keys"),
        ("x.toml", "no x"),
    ):
        with pytest.raises(KitError, match=wrong):
            Target(name).check()


def test_commands_refuse_it_in_one_line(kit: Kit) -> None:
    for command in (("worker",), ("train", "--preset", "smoke", "--cluster")):
        assert kit(*command, "tcp://192.0.2.1:8786", code=1).count("\n") == 1
    assert "--slots" in kit("worker", "--help")


def test_keys_are_their_owners_alone(kit: Kit) -> None:
    kit("cluster", "keys", "keys")
    folder = kit.folder / "keys"
    assert [oct(path.stat().st_mode & 0o777) for path in (folder, *folder.iterdir())] == ["0o700", "0o600", "0o600"]
    assert "has keys already" in kit("cluster", "keys", "keys", code=1)
    (folder / "key.pem").chmod(0o644)
    assert "can be read by others: chmod 600" in kit("worker", "tcp://192.0.2.1", "--keys", "keys", code=1)
    assert "no key.pem in none: make keys with" in kit("worker", "tcp://192.0.2.1", "--keys", "none", code=1)
