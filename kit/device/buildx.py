"""Buildx: builds a Dockerfile, with progress, and says in one line why it could not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from kit.device import process
from kit.errors import KitError
from kit.records import store

DATE = "1735689600"  # of all files in the Pi image; a constant, so that its ID depends on its contents alone
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def version() -> str:
    """Buildx's version. Raises KitError where it is missing."""
    done = process.run(["docker", "buildx", "version"])
    if done.code:
        raise KitError("Docker has no Buildx", "install it (Debian: apt install docker-buildx)")
    return (done.stdout.split() or ["", "?"])[1]


def build(
    root: Path,
    name: str,
    architecture: str,
    tag: str,
    parent: str,
    labels: Mapping[str, str],
    ca: Path | None,
    cache: bool,
    target: str,
    log: Path,
    say: Callable[[str], object],
) -> None:
    """Build `docker/NAME.Dockerfile` as `tag`. Tells `say` how far it is, leaves all in `log`. Raises KitError."""
    argv = _argv(root, name, architecture, tag, parent, labels)
    if ca:
        if not ca.is_file():
            raise KitError(f"no certificate at {ca}", "name the file with your network's CA")
        argv.append(f"--secret=id=ca,src={ca}")
    if not cache:
        argv.append("--no-cache")
    if target:
        argv.append(f"--target={target}")
    _run([*argv, str(root)], tag, log, say)


def _argv(root: Path, name: str, architecture: str, tag: str, parent: str, labels: Mapping[str, str]) -> list[str]:
    argv = ["docker", "buildx", "build", "--progress=plain", "--load", f"--platform=linux/{architecture}", f"--tag={tag}"]
    argv += ["--network=host", "--provenance=false", f"--build-arg=BASE_IMAGE={parent}"]
    argv += [f"--label={key}={value}" for key, value in labels.items()]
    argv += [f"--build-arg={proxy}" for proxy in _PROXIES if proxy in os.environ]
    return [*argv, f"--file={root / 'docker' / name}.Dockerfile"]


def _run(argv: list[str], tag: str, log: Path, say: Callable[[str], object]) -> None:
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        if re.match(r"#\d+ (\[(?!internal)|CACHED|DONE \d{2})|#\d+ [\d.]+ +Downloading .* MB\)", line):
            say(line[:120])

    code = process.stream(argv, on_line, env=os.environ | {"SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", DATE)})
    store.write(log, "\n".join([*lines, ""]).encode())
    if code:
        raise _failure("\n".join(lines[-60:]), tag, log)


def _failure(tail: str, tag: str, log: Path) -> KitError:
    """What a failed build's last lines mean, and what to do."""
    causes = (
        (r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|certificate signed by unknown|unable to get local issuer",
         "TLS is re-signed here", "name the network's CA: kit build --ca FILE"),
        (r"no space left on device", "the disk is full", "free some: docker builder prune; docker image prune"),
        (r"failed to resolve source metadata|failed to do request|pull access denied",
         "no registry gives the base image", "check the network, or use --no-registry"),
        (r"exec format error", "nothing here runs that platform's programs",
         "install an emulator (Debian: apt install qemu-user-static binfmt-support)"),
        (r"Temporary failure resolving|Could not resolve|Name or service not known|NewConnectionError|Network is unreachable"
         r"|Could not connect", "there is no network", "check it and try again; finished steps are kept"),
        (r"THESE PACKAGES DO NOT MATCH THE HASHES", "a package is not the locked one", "make lock, after finding out why"),
    )  # fmt: skip
    for pattern, wrong, remedy in causes:
        if re.search(pattern, tail):
            return KitError(f"{tag} was not built: {wrong}", f"{remedy} (log: {log})")
    reason = next((line for line in reversed(tail.splitlines()) if "ERROR" in line), "no reason given")
    return KitError(f"{tag} was not built ({reason[:150]})", f"see {log}")
