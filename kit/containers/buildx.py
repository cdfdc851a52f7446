"""Build a Dockerfile with Buildx: show progress, and say in one line why a build failed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from kit import causes, process, store
from kit.errors import KitError

DATE = "1735689600"  # of all files in the Pi image; a constant, so that its ID depends on its contents alone
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def version() -> str:
    """Buildx's version. Raises KitError if it is missing."""
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
    """Build `docker/NAME.Dockerfile` as `tag`. Reports progress to `say` and writes all output to `log`. Raises KitError."""
    argv = _argv(root, name, architecture, tag, parent, labels)
    if ca:
        if not ca.is_file():
            raise KitError(f"no certificate at {ca}", "check the path of your network's CA certificate")
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
    """What the last lines of a failed build mean, and what to do."""
    found = causes.explain(causes.BUILD, tail)
    if found:
        return KitError(f"{tag} was not built: {found[0]}", f"{found[1]} (log: {log})")
    reason = next((line for line in reversed(tail.splitlines()) if "ERROR" in line), "no reason given")
    return KitError(f"{tag} was not built ({reason[:150]})", f"see {log}")
