"""Why a host could not be reached: what ssh said, and a look at keys and agent where ssh does not say it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from kit import causes, process
from kit.bench.address import Address
from kit.errors import KitError

_PATIENCE_S = 30.0
_KINDS = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa", "ssh-dss": "dsa"}


class ConnectionLost(KitError):  # noqa: N818 - named for what happened
    """The connection is lost, or could not be made."""


def failure(address: Address, said: str) -> ConnectionLost:
    """What ssh's output means, and what to do. `said`: its stderr."""
    host = address.host
    if "Host key verification failed" in said or "IDENTIFICATION HAS CHANGED" in said:
        return _host_key(address, said)
    found = causes.explain(causes.SSH, said, host=host, ssh=address.command("ssh"))
    if found is None and "Permission denied (" in said:
        found = _denied(address, causes.last_line(said))
    wrong, remedy = found or (
        f"the connection broke ({causes.last_line(said, 'it closed')})",
        "check its power and network; the same command resumes",
    )
    return ConnectionLost(f"{host}: {wrong}", remedy)


def _host_key(address: Address, said: str) -> ConnectionLost:
    host, changed = address.host, "IDENTIFICATION HAS CHANGED" in said
    probe = _run([*address.argv("ssh", "ControlPath=none", "LogLevel=DEBUG1"), "--", host, "true"]).stderr
    seen = re.search(r"Server host key: (\S+) (\S+)", probe)
    key = f"{seen[1]} {seen[2]}" if seen else "of unknown fingerprint"
    kind = _KINDS.get(seen[1], "ecdsa") if seen else "ed25519"
    look = f"compare it with `ssh-keygen -lf /etc/ssh/ssh_host_{kind}_key.pub` typed on the host itself"
    if changed:
        remedy = f"if it was reinstalled: {look}, then remove the old key: {_forget(address, said)}"
        return ConnectionLost(f"{host} shows another host key than before ({key})", remedy)
    wrong = f"{host} has a host key that is not known here ({key})"
    return ConnectionLost(wrong, f"{look}, then accept it once: {address.command('ssh')}")


def _forget(address: Address, said: str) -> str:
    """The command that removes the old host key, from the file and under the name that ssh complained about."""
    name = re.search(r"Host key for (\S+) has changed", said)
    file = re.search(r"Offending \S+ key in (.+):\d+", said)
    options = ["-f", file[1]] if file else []
    return shlex.join(["ssh-keygen", *options, "-R", name[1] if name else address.host])


def _denied(address: Address, reason: str) -> tuple[str, str]:
    """A user or key that was rejected. ssh does not say that it passed over a key for want of its passphrase."""
    settings = _settings(address)
    keys = [path for path in (Path(name).expanduser() for name in settings.get("identityfile", ())) if path.is_file()]
    agent = _run(["ssh-add", "-l"])
    held = agent.stdout if not agent.code else ""
    for key in keys:
        if _is_locked(key) and _fingerprint(key) not in held:
            start = "" if agent.code in (0, 1) else 'eval "$(ssh-agent)" && '
            return f"the key {key} has a passphrase, and no agent holds it", f"{start}ssh-add {shlex.quote(str(key))}"
    copy = address.command("ssh-copy-id")
    if not keys and not held:
        return f"there is no key to log in with ({reason})", f"ssh-keygen -t ed25519 && {copy}"
    user = next(iter(settings.get("user", ())), "")
    shown = ", ".join(map(str, keys)) or "the agent's"
    return f"it rejects this user or key ({reason})", f"user {user}, key {shown}: check --user and --identity, or: {copy}"


def _settings(address: Address) -> dict[str, list[str]]:
    """What ssh takes from its configuration for this host, by lower-case keyword."""
    found: dict[str, list[str]] = {}
    for line in _run([*address.argv("ssh"), "-G", "--", address.host]).stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def _is_locked(key: Path) -> bool:
    done = _run(["ssh-keygen", "-y", "-P", "", "-f", key])
    return bool(done.code) and "passphrase" in done.stderr


def _fingerprint(key: Path) -> str:
    """`SHA256:…` of a key file; something that no agent lists if there is none."""
    return next((part for part in _run(["ssh-keygen", "-lf", key]).stdout.split() if part.startswith("SHA256:")), "-")


def _run(argv: list[str | Path]) -> process.Completed:
    """A look that may fail: an empty answer is one too."""
    try:
        return process.run(argv, timeout_s=_PATIENCE_S)
    except KitError as error:
        return process.Completed(127, "", str(error))
