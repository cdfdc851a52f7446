"""Why a host is not reached: ssh's own words, what they mean, and a command that can be pasted."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.bench import refusal
from kit.bench.address import Address

HERE = Address("pi", "me", 2222, config=Path("my config"))
SSH = "ssh -F 'my config' -p 2222 me@pi"
CHANGED = """@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
Offending ED25519 key in /home/me/.ssh/my hosts:3
Host key for [10.0.0.2]:2222 has changed and you have requested strict checking.
Host key verification failed."""

SITUATIONS = {
    "ssh: Could not resolve hostname pi: Name or service not known": "no such name (pi: Name or service not known): check",
    "ssh: Could not resolve hostname p.local: Temporary failure in name resolution": "no such name (p.local: Temporary",
    "ssh: connect to host pi port 22: Connection refused": "nothing listens there: enable SSH on it",
    "ssh: connect to host pi port 22: No route to host": "it does not answer: check its power and network",
    "ssh: connect to host pi port 22: Connection timed out": "it does not answer: check its power and network",
    "Connection timed out during banner exchange\nConnection to 10.0.0.2 port 22 timed out": "it does not answer",
    "Permissions 0644 for '/k/id' are too open.\nThis private key will be ignored.\nLoad key \"/k/id\": bad permissions\n"
    "me@pi: Permission denied (publickey).": "ssh ignores the key /k/id, because others may read it (mode 0644): chmod",
    'Load key "/k/id": bad permissions\nme@pi: Permission denied (publickey).': "ssh ignores the key /k/id, because others",
    'Load key "/k/id.pub": invalid format\nme@pi: Permission denied (publickey).': "/k/id.pub is no private key that",
    'Load key "/k/id": error in libcrypto\nme@pi: Permission denied (publickey).': "/k/id is no private key that ssh can",
    "Bad owner or permissions on /home/me/.ssh/config": "ssh refuses /home/me/.ssh/config, because others may write it",
    "/c: line 3: Bad configuration option: hots\n/c: terminating, 1 bad configuration options":
        "ssh cannot read its configuration (/c: line 3: Bad configuration option: hots): fix that line",
    "Can't open user config file /gone: No such file or directory": "ssh cannot open /gone (No such file or directory)",
    "Received disconnect from 10.0.0.2 port 22:2: Too many authentication failures": "its SSH server gave up after too many",
    "WARNING: Your password has expired.\nPassword change required but no TTY available.":
        f"this user's password has expired: log in once and set a new one: {SSH}",
    "kex_exchange_identification: Connection closed by remote host": "its SSH server hangs up at once",
    "Connection closed by 10.0.0.2 port 2222": "its SSH server hangs up at once",
    "Unable to negotiate with 10.0.0.2 port 22: no matching host key type found. Their offer: ssh-rsa":
        "the two SSH programs share no method (no matching",
    "channel 0: open failed: connect failed: No route to host\nstdio forwarding failed":
        f"the jump host cannot reach it: check ProxyJump and the host's name in the SSH configuration: {SSH}",
    "Connection to pi closed by remote host.\n": "the connection broke (Connection to pi closed by remote host.): check its",
    "client_loop: send disconnect: Broken pipe": "the connection broke (client_loop: send disconnect: Broken pipe)",
    "": "the connection broke (it closed): check its power and network; the same command resumes",
    "\x00\xff\ufffd{braces} %s": "the connection broke (",
}  # fmt: skip


@pytest.mark.parametrize("said", SITUATIONS)
def test_ssh_says_and_the_kit_says_what_to_do(said: str) -> None:
    assert str(refusal.failure(HERE, said)).startswith(f"pi: {SITUATIONS[said]}")


def test_a_changed_host_key_is_removed_from_where_it_stands(programs: Path) -> None:
    program(programs, "ssh", "echo 'debug1: Server host key: ecdsa-sha2-nistp256 SHA256:abc' >&2; exit 255")
    said = refusal.failure(HERE, CHANGED)
    assert said.wrong == "pi shows another host key than before (ecdsa-sha2-nistp256 SHA256:abc)"
    assert "/etc/ssh/ssh_host_ecdsa_key.pub" in said.remedy
    removal = said.remedy.partition("remove the old key: ")[2]
    assert shlex.split(removal) == ["ssh-keygen", "-f", "/home/me/.ssh/my hosts", "-R", "[10.0.0.2]:2222"]
    unknown = refusal.failure(HERE, "Host key verification failed.")
    assert unknown.remedy.endswith(f"accept it once: {SSH}")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return folder


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def denied(programs: Path, *keys: Path, agent: str = "exit 2") -> str:
    lines = "\n".join(f"echo 'identityfile {key}'" for key in keys)
    program(programs, "ssh", f"echo 'user me'\n{lines}")
    program(programs, "ssh-add", agent)
    return str(refusal.failure(HERE, "me@pi: Permission denied (publickey,password)."))


def key(path: Path, passphrase: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return path


def test_a_key_with_a_passphrase_is_no_wrong_user(programs: Path, tmp_path: Path) -> None:
    locked, fingerprint = key(tmp_path / "my key", "secret"), ""
    said = denied(programs, tmp_path / "gone", locked)
    assert (
        said == f"pi: the key {locked} has a passphrase, and no agent holds it: eval \"$(ssh-agent)\" && ssh-add '{locked}'"
    )
    assert denied(programs, locked, agent="echo 'The agent has no identities.'; exit 1").endswith(f": ssh-add '{locked}'")
    fingerprint = subprocess.run(["ssh-keygen", "-lf", locked], capture_output=True, text=True, check=True).stdout
    assert "it rejects this user or key" in denied(programs, locked, agent=f"echo '{fingerprint}'"), "the agent has it"


def test_a_rejected_key_and_none_at_all(programs: Path, tmp_path: Path) -> None:
    said = denied(programs, key(tmp_path / "id", ""))
    assert said.startswith("pi: it rejects this user or key (me@pi: Permission denied (publickey,password).): user me, key ")
    assert said.endswith("or: ssh-copy-id -F 'my config' -p 2222 me@pi")
    said = denied(programs, tmp_path / "gone")
    assert "there is no key to log in with" in said and "ssh-keygen -t ed25519 && ssh-copy-id -F 'my config'" in said
