"""What other programs say when they fail, and what to do about it: one table for each, first match first."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence

from msgspec import Struct


class Cause(Struct, frozen=True):
    """If `pattern` is in what a program said, then `wrong` happened, and `remedy` is what to do.

    Both may name the pattern's groups, and what the caller knows, in braces.
    """

    pattern: str
    wrong: str
    remedy: str


def explain(causes: Sequence[Cause], said: str, **known: str) -> tuple[str, str] | None:
    """What is wrong and what to do, by the first of `causes` that fits; None if none does."""
    for cause in causes:
        found = re.search(cause.pattern, said)
        if found:
            names = {**known, **{name: text or "" for name, text in found.groupdict().items()}}
            return cause.wrong.format(**names), cause.remedy.format(**names)
    return None


def last_line(said: str, default: str = "no reason given") -> str:
    """The last line that says anything, cut to 200 characters."""
    return next((line.strip()[:200] for line in reversed(said.splitlines()) if line.strip()), default)


# Known: host; ssh, copy_id: commands that reach it as the user asked to.
SSH = (
    Cause(r"Permissions (?P<mode>\d+) for '(?P<key>[^']+)' are too open",
          "ssh ignores the key {key}, because others may read it (mode {mode})", "chmod 600 {key}"),
    Cause(r'Load key "(?P<key>[^"]+)": bad permissions', "ssh ignores the key {key}, because others may read it",
          "chmod 600 {key}"),
    Cause(r'Load key "(?P<key>[^"]+)": (?P<why>invalid format|error in libcrypto|.*unsupported)',
          "{key} is no private key that ssh can read ({why})", "name the private key, not the .pub file, with --identity"),
    Cause(r"Bad owner or permissions on (?P<file>\S+)", "ssh refuses {file}, because others may write it",
          "chmod 600 {file}; if it belongs to somebody else: sudo chown $USER {file}"),
    Cause(r"(?P<why>\S+: line \d+: Bad configuration option: \S+|\S+ line \d+: .*)[\s\S]*terminating",
          "ssh cannot read its configuration ({why})", "fix that line"),
    Cause(r"(?P<why>.*Bad configuration option.*|.*terminating, \d+ bad.*)",
          "ssh cannot read its configuration ({why})", "fix that line"),
    Cause(r"Can't open user config file (?P<file>.+?): (?P<why>.+)", "ssh cannot open {file} ({why})", "check its path"),
    Cause(r"Could not resolve hostname (?P<name>\S+): (?P<why>[^\n]*)", "no such name ({name}: {why})",
          "check the name, or give its address; for a name in .local: sudo apt install libnss-mdns"),
    Cause(r"Too many authentication failures", "its SSH server gave up after too many keys",
          "name the right one with --identity"),
    Cause(r"(?P<why>(password|account) has expired|You are required to change your password[^\n]*)",
          "this user's {why}", "log in once and set a new one: {ssh}"),
    Cause(r"Connection refused", "nothing listens there",
          "enable SSH on it (sudo raspi-config nonint do_ssh 0), and check --port"),
    Cause(r"stdio forwarding failed|channel \d+: open failed: (?P<why>[^\n]*)",
          "the jump host cannot reach it", "check ProxyJump and the host's name in the SSH configuration: {ssh}"),
    Cause(r"kex_exchange_identification: (?P<why>[^\n]*)|Connection (closed|reset) by \S+ port",
          "its SSH server hangs up at once", "it may be starting, or block this address (fail2ban): wait a minute; {ssh}"),
    Cause(r"Unable to negotiate with [^:]*: (?P<why>[^\n]*)", "the two SSH programs share no method ({why})",
          "update its system, or allow its method in the SSH configuration"),
    Cause(r"Connection timed out|Operation timed out|No route to host|Network is unreachable|timed out during banner",
          "it does not answer", "check its power and network; the same command resumes"),
)  # fmt: skip

# Known: its: "its" or "this machine's"; on: "on it: " or nothing.
ENGINE = (
    Cause(r"(?i)permission denied.*(connect|docker\.sock)|PermissionError|Errno 13",
          "this user may not use {its} Docker engine", "{on}sudo usermod -aG docker $USER; then log in again"),
    Cause(r"docker: (command )?not found|docker: No such file|not found: docker", "Docker is not installed",
          "{on}sudo apt install docker.io"),
    Cause(r"client version (?P<client>\S+) is too (old|new)[^\n]*", "{its} docker program and engine are of different ages",
          "{on}update both: sudo apt update && sudo apt install --only-upgrade docker.io docker-cli"),
    Cause(r"(?i)no space left on device|disk quota exceeded", "{its} disk is full",
          "{on}docker image prune; docker builder prune"),
    Cause(r"(?i)cannot allocate memory|out of memory", "{its} memory is full", "close other programs {on_it}, or add swap"),
    Cause(r"(?i)input/output error|read-only file system", "{its} disk fails",
          "{on}sudo dmesg | tail; an SD card that wears out has to be replaced"),
    Cause(r"exec format error", "{its} engine cannot run arm64 programs",
          "{on}sudo apt install qemu-user-static binfmt-support, or take a 64-bit system"),
    Cause(r"Cannot connect to the Docker daemon|Is the docker daemon running|ConnectionRefused|Connection refused|"
          r"No such file or directory|FileNotFoundError", "{its} Docker engine is not running",
          "{on}sudo systemctl start docker"),
)  # fmt: skip

# Of the kit's own client. Known: host, from DOCKER_HOST.
CLIENT = (
    Cause(r"(?i)paramiko|ssh://", "the kit's Docker SDK does not speak SSH, and DOCKER_HOST is {host}",
          "ssh -fnNT -L /tmp/kit-docker.sock:/var/run/docker.sock {host} && export DOCKER_HOST=unix:///tmp/kit-docker.sock"),
    Cause(r"(?i)\bTLS\b|SSLError|CERTIFICATE_VERIFY_FAILED|certificate", "the engine at {host} wants other TLS certificates",
          "check DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or: unset DOCKER_HOST"),
    Cause(r"(?i)Invalid (bind address|port)|unsupported|Could not parse|No (host|port)",
          "DOCKER_HOST is no address of an engine: {host}", "unset DOCKER_HOST, or give unix://PATH or tcp://HOST:PORT"),
)  # fmt: skip

BUILD = (
    Cause(r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|certificate signed by unknown|unable to get local issuer",
          "a proxy re-signs TLS here", "name the network's CA: kit build --ca FILE"),
    Cause(r"no space left on device", "the disk is full", "free up space: docker builder prune; docker image prune"),
    Cause(r"failed to resolve source metadata|failed to do request|pull access denied",
          "no registry serves the base image", "check the network, or use --no-registry"),
    Cause(r"exec format error", "this machine cannot run that platform's programs",
          "install an emulator (Debian: apt install qemu-user-static binfmt-support)"),
    Cause(r"Temporary failure resolving|Could not resolve|Name or service not known|NewConnectionError|Could not connect"
          r"|Network is unreachable", "there is no network", "check it and try again; finished steps are kept"),
    Cause(r"THESE PACKAGES DO NOT MATCH THE HASHES", "a package does not match its locked hash",
          "find out why, then run `make lock`"),
    Cause(r"exit code: 137|signal: killed|cannot allocate memory", "a step was killed, probably out of memory",
          "close other programs, or add swap; finished steps are kept"),
)  # fmt: skip

# Known: how, the way the program ended.
FIGURES = (
    Cause(r"Too many open files|os error 24", "has no more files to open", "raise `ulimit -n`, then run the same command"),
    Cause(r"(?i)out of memory|cannot allocate memory|bad_alloc", "{how}, for want of memory",
          "close other programs or raise `ulimit -v`, then run the same command"),
    Cause(r"No module named '(?P<name>[^']+)'", "is not installed ({name})", "install the extra `report`"),
)  # fmt: skip

_SYSTEM = {
    errno.EACCES: "give user {user} access to it, or run as the user that it belongs to",
    errno.EPERM: "give user {user} access to it, or run as the user that it belongs to",
    errno.EROFS: "choose a folder that can be written",
    errno.ENOSPC: "free up space, then run the same command",
    errno.EFBIG: "raise `ulimit -f`, or choose another disk",
    errno.EDQUOT: "free up space, then run the same command",
    errno.ENOTDIR: "a file is where a folder should be: move it away",
    errno.EISDIR: "a folder is where a file should be: move it away",
    errno.EEXIST: "a file is where a folder should be: move it away",
    errno.ENOENT: "it went away meanwhile: run the same command",
    errno.ENOMEM: "the system has no memory left: close other programs, or use --workers 1",
    errno.EAGAIN: "the system allows no more processes or threads: use --workers 1, or raise `ulimit -u`",
    errno.EMFILE: "too many files are open: raise `ulimit -n`",
    errno.EIO: "the disk has a fault: copy what you can and replace it",
}


def system(error: OSError) -> str:
    """What to do about what the system refused."""
    remedy = _SYSTEM.get(error.errno or 0, "fix this, then run the same command: nothing finished is lost")
    return remedy.format(user=os.getuid())


def engine(said: str, here: bool = False) -> tuple[str, str] | None:
    """`explain` with the table of engines: of this machine's if `here`, else of the host's."""
    names = ("this machine's", "", "on this machine") if here else ("its", "on it: ", "on it")
    return explain(ENGINE, said, **dict(zip(("its", "on", "on_it"), names, strict=True)))
