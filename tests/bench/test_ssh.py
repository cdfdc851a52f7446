"""Which addresses are ones, and a channel that proves itself before anything that comes through it is believed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kit import process
from kit.bench import address, preflight, session, ship, ssh, transfer
from kit.bench.address import Address
from kit.bench.ssh import Connection
from kit.errors import KitError


def test_an_address_is_taken_apart(tmp_path: Path) -> None:
    found = address.parse("pi@Pi.Local", "", 2222, None, None)
    assert (found.user, found.host, found.key) == ("pi", "Pi.Local", "pi.local")
    argv = found.argv("ssh", "X=y")
    assert argv[:5] == ["ssh", "-p", "2222", "-l", "pi"] and "BatchMode=yes" in argv and "X=y" in argv
    for wrong in ("-oProxyCommand=x", "a b", ""):
        with pytest.raises(KitError, match="is not a host"):
            address.parse(wrong, "", None, None, None)
    with pytest.raises(KitError, match="check the path given with --identity"):
        address.parse("pi", "", None, tmp_path / "gone", None)


Host = Callable[..., None]
LOGIN = """#!/bin/sh
for command; do :; done
case "$*" in *"-O exit"*) exit 0;; esac
export PATH="{programs}:$PATH"
cd "{home}"
{login}
"""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """An `ssh` that logs in to this machine; `login` is what happens there, by default the command."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    def write(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def made(login: str = "", **programs: str) -> None:
        text = LOGIN.format(programs=tmp_path / "there", home=tmp_path / "home", login=login or 'sh -c "$command"')
        write(tmp_path / "bin" / "ssh", text)
        for name, script in programs.items():
            write(tmp_path / "there" / name, f"#!/bin/sh\n{script}\n")

    made()
    return made


def opened() -> str:
    with Connection(Address("pi")) as connection:
        return connection.run(["printf", "%s", "a  b'c"]).stdout


def test_a_clean_channel_is_used(host: Host) -> None:
    assert opened() == "a  b'c"


@pytest.mark.parametrize(
    ("login", "said"),
    [
        ('echo "Welcome to pi"; sh -c "$command"', 'its login prints "Welcome to pi" into every answer: on it, begin ~'),
        ('printf x; sh -c "$command"', 'its login prints "x" into every answer'),
        ('sh -c "$command"; echo bye', 'its login prints "bye" into every answer'),
        ('head -c 100000 /dev/urandom; sh -c "$command"', "its login prints "),
        ("echo This account is currently not available.; exit 1",
         'its login runs no programs, but says "This account is currently not available." (code 1)'),
        ("echo 'fatal: unrecognized command' >&2; exit 128", 'says "fatal: unrecognized command" (code 128): choose'),
        ("exit 0", "its login runs no programs, but says nothing (code 0)"),
        ("echo 'kex_exchange_identification: read: Connection reset by peer' >&2; exit 255", "its SSH server hangs up"),
    ],
)  # fmt: skip
def test_a_login_that_is_none_is_quoted(host: Host, login: str, said: str) -> None:
    host(login)
    with pytest.raises(KitError) as caught:
        opened()
    assert said in str(caught.value) and str(caught.value).startswith("pi: ") and len(str(caught.value)) < 400


def test_no_wait_is_without_an_end(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host("sleep 600")
    monkeypatch.setattr(ssh, "_LOGIN_S", 0.3)
    with pytest.raises(KitError, match=r"its login did not finish within 0 s: look for what waits in ~/.bashrc .*: ssh pi"):
        opened()
    host()
    monkeypatch.setattr(ssh, "_LOGIN_S", 60.0)
    with Connection(Address("pi")) as connection:
        with pytest.raises(
            process.TimedOut, match="pi: `sleep 600` did not finish within 0 s: its disk or its engine may hang"
        ):
            connection.run(["sleep", "600"], 0.3)
        monkeypatch.setattr(ssh, "ANSWER_S", 0.5)
        with pytest.raises(process.TimedOut, match="pi: `sleep 600` took nothing for 0 s"):
            connection.feed(["sleep", "600"], (bytes(100_000) for _ in range(100)))


GARBAGE = {
    "failure": "echo no >&2; exit 3",
    "json": "echo '{\"a\": [1, null]}'",
    "list": "echo '[[], 5, null]'",
    "numbers": "echo 99999999999999999999999999 -1 nan; echo x 1 2 3 4% ²",
    "bytes": "head -c 300 /dev/urandom",
}
ASKED = ("uname", "getconf", "cat", "df", "date", "docker", "id", "pwd", "stat", "find", "sha256sum")


@pytest.mark.parametrize("program", ASKED)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_every_answer_may_be_garbage(host: Host, program: str, garbage: str) -> None:
    """A program that answers anything is an error in the kit's own form, or leaves what it says unknown."""
    sound = {
        "uname": '[ "$1" = -m ] && echo aarch64 || echo Linux 6.12.47+rpt',
        "docker": 'echo \'{"Version":"26.1","Arch":"arm64"}\'',
    }
    host(**{**sound, program: GARBAGE[garbage]})
    with Connection(Address("pi")) as connection:
        checked = list(preflight.checks(connection))
        assert len(checked) == 8 and all(check.ok or check.remedy for check in checked)
        for look in (
            preflight.facts,
            session._home,
            transfer.hashes,
            lambda c: ship.inspect(c, "kit-pi"),
            ship._layers_there,
        ):
            try:
                look(connection)
            except KitError as error:
                assert str(error).startswith("pi: ") and "\n" not in str(error)
