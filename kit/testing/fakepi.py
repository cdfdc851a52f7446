"""A stand-in for a Raspberry Pi on this machine: sshd and a Docker engine of its own in namespaces, with arm64 programs.

Sessions run in an arm64 Debian tree under emulation, and the engine runs arm64 images under it. The firmware's and the
kernel's files that the kit reads on a Pi lie in `FOLDER/sys`, where a test can change them. Needs root, sshd, dockerd,
mmdebstrap and qemu-user. Its timings mean nothing, and the kit marks them `emulated`.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from kit import process, store
from kit.containers import rootfs
from kit.errors import KitError
from kit.testing import models, namespace
from kit.testing.namespace import StandInState

HOST = "pi.local"
_PROGRAMS = "dash,coreutils,libc-bin,findutils"
_ROOT = "/run/pi/root"  # inside the namespace: root must own every folder above sshd's ChrootDirectory
_USERS = (
    "root:x:0:0::/root:/bin/sh\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n"
    "pi:x:1000:1000::/home/pi:/bin/sh\nguest:x:1001:1001::/home/guest:/bin/sh\n"
)
_GROUPS = "root:x:0:\npi:x:1000:\nguest:x:1001:\ndocker:x:990:pi\nnogroup:x:65534:\n"


class FakePi:
    """The stand-in whose files are in `folder`, for a `model`. `up` starts it, `down` stops it and keeps its files."""

    def __init__(self, folder: Path, model: str = "pi4") -> None:
        self.folder, self.model = folder.absolute(), models.model(model)

    @property
    def config(self) -> Path:
        """An SSH configuration in which it is called pi.local."""
        return self.folder / "ssh_config"

    @property
    def sys(self) -> Path:
        return self.folder / "sys"

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def state(self) -> StandInState | None:
        """None if it is not running."""
        try:
            state = msgspec.json.decode((self.folder / "state.json").read_bytes(), type=StandInState)
            command = Path(f"/proc/{state.anchor}/cmdline").read_bytes()
        except (OSError, msgspec.DecodeError):
            return None
        return state if b"unshare" in command else None

    def up(self) -> StandInState:
        """Start it and wait until it answers. Raises KitError, which says what is missing here."""
        running = self.state()
        if running:
            return running
        _require()
        self._files()
        network, near, far = namespace.free_network()
        namespace.make(network, near)
        anchor = process.start(
            ["nsenter", f"--net=/run/netns/{network}", "unshare", "--mount", "--uts", "--ipc", "--pid", "--fork",
             "--kill-child", "docker-init", "--", "sleep", "infinity"],
            self.folder / "pi.log",
        )  # fmt: skip
        state = StandInState(anchor, network, far)
        store.write(self.folder / "state.json", msgspec.json.encode(state))
        try:
            self._configure(far)
            self._inside(state)
        except KitError:
            self.down()
            raise
        return state

    def down(self) -> None:
        """Stop all of it; its files stay."""
        state = self.state()
        if state is None:
            return
        for child in namespace.children(state.anchor):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)  # the namespace's first process: the kernel ends all the others
        with suppress(ProcessLookupError):
            os.kill(state.anchor, signal.SIGTERM)
        process.run(["ip", "link", "delete", state.network])
        process.run(["ip", "netns", "delete", state.network])
        (self.folder / "state.json").unlink(missing_ok=True)

    def enter(self, *argv: str | Path) -> process.Completed:
        """Run one of this machine's programs inside, as root. Raises KitError if it fails."""
        state = self._running()
        done = process.run([*namespace.enter(state), *argv])
        if done.code:
            raise KitError(f"the stand-in: {argv[0]} failed ({done.reason})", f"see {self.folder / 'pi.log'}")
        return done

    def start_engine(self, containerd: bool = False) -> None:
        """Start its Docker engine, with containerd's image store if asked for, and wait until it answers."""
        (self.folder / "run").mkdir(exist_ok=True)
        self.enter("rm", "-f", "/run/docker.pid")
        settings = self.folder / "daemon.json"
        store.write(settings, msgspec.json.encode({"features": {"containerd-snapshotter": containerd}}))
        argv = ["dockerd", "--bridge=none", "--iptables=false", "--group=990", f"--config-file={settings}"]
        process.start([*namespace.enter(self._running()), *argv], self.folder / "dockerd.log")
        _wait(
            lambda: not process.run([*namespace.enter(self._running()), "docker", "version"]).code,
            self.folder / "dockerd.log",
        )

    def kill_engine(self) -> None:
        """kill -9."""
        self.enter("kill", "-9", self.enter("cat", "/run/docker.pid").stdout.strip())

    def start_sshd(self) -> None:
        self.enter(_where("sshd"), "-f", self.folder / "sshd_config", "-E", self.folder / "sshd.log")

    def cut(self, cut: bool = True) -> None:
        """Unplug the network cable, or plug it in again."""
        process.run(["ip", "link", "set", self._running().network, "down" if cut else "up"])

    def sent_bytes(self) -> int:
        """All bytes that this machine has sent to it, by the network interface's counter."""
        return int(Path(f"/sys/class/net/{self._running().network}/statistics/tx_bytes").read_text())

    def _running(self) -> StandInState:
        state = self.state()
        if state is None:
            raise KitError("the stand-in is not running", "start it: kit dev pi up")
        return state

    def _files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.tree / "bin" / "dash").exists():
            rootfs.extract("arm64", _PROGRAMS, self.tree)
        for name in ("proc", "dev", "sys", "run", "tmp", "home/pi", "home/guest"):
            (self.tree / name).mkdir(parents=True, exist_ok=True)
        for name in ("pi", "guest"):
            shutil.chown(self.tree / "home" / name, *(2 * (1000 if name == "pi" else 1001,)))
        with suppress(FileExistsError):
            (self.tree / "bin" / "sh").symlink_to("dash")
        _copy_program("docker", self.tree)
        for folder in (self.folder / "docker", self.sys / "fs" / "cgroup"):
            folder.mkdir(parents=True, exist_ok=True)
        self.reset_sys()
        for target in (self.folder, self.tree / "etc"):
            store.write(target / "passwd", _USERS.encode())
            store.write(target / "group", _GROUPS.encode())
        for key in ("id_ed25519", "host_key"):
            if not (self.folder / key).exists():
                process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kit", "-f", self.folder / key])

    def reset_sys(self, model: str = "") -> None:
        """Firmware and kernel files of a cool Pi at rest; of another `model` than it started as, if one is named."""
        chosen = models.model(model) if model else self.model
        for old in self.sys.glob("devices/platform/*/*/get_throttled"):
            old.unlink()
        for name, value in chosen.sys():
            path = self.sys / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(value)
        (self.folder / "meminfo").write_text(chosen.meminfo())  # in place: it is mounted

    def _configure(self, address: str) -> None:
        key = (self.folder / "host_key.pub").read_text().split()
        store.write(self.folder / "known_hosts", f"{address} {key[0]} {key[1]}\n".encode())
        store.write(
            self.config,
            f"Host {HOST}\n  HostName {address}\n  User pi\n  IdentityFile {self.folder / 'id_ed25519'}\n"
            f"  IdentitiesOnly yes\n  UserKnownHostsFile {self.folder / 'known_hosts'}\n"
            "  GlobalKnownHostsFile /dev/null\n".encode(),
        )
        store.write(
            self.folder / "sshd_config",
            f"ListenAddress {address}\nHostKey {self.folder / 'host_key'}\nUsePAM no\nPasswordAuthentication no\n"
            f"StrictModes no\nAuthorizedKeysFile /run/pi/authorized_keys\nChrootDirectory {_ROOT}\n"
            "PidFile /run/sshd.pid\nUseDNS no\n".encode(),
        )

    def _inside(self, state: StandInState) -> None:
        """Mounts, then the engine and sshd, in the order in which one needs the other."""
        f = self.folder
        _wait(lambda: bool(namespace.children(state.anchor)), f / "pi.log")
        steps: list[Sequence[str | Path]] = [
            ("mount", "-t", "proc", "proc", "/proc"),
            ("mount", "--bind", f / "meminfo", "/proc/meminfo"),
            ("mount", "--rbind", "/sys/fs/cgroup", self.sys / "fs" / "cgroup"),
            ("mount", "--rbind", self.sys, "/sys"),
            ("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"),
            ("mkdir", "-p", _ROOT, "/run/sshd", "/var/lib/docker"),
            ("cp", f / "id_ed25519.pub", "/run/pi/authorized_keys"),
            ("mount", "--bind", f / "docker", "/var/lib/docker"),
            ("mount", "--bind", f / "passwd", "/etc/passwd"),
            ("mount", "--bind", f / "group", "/etc/group"),
            ("mount", "--bind", self.tree, _ROOT),
            *(("mount", "--rbind", f"/{name}", f"{_ROOT}/{name}") for name in ("proc", "dev", "sys")),
            ("mount", "--bind", "/run", f"{_ROOT}/run"),
            ("mount", "--bind", f"{_ROOT}/home", "/home"),
            ("hostname", "raspberrypi"),
            ("ip", "link", "set", "lo", "up"),
            ("ip", "address", "add", f"{state.address}/30", "dev", "eth0"),
            ("ip", "link", "set", "eth0", "up"),
        ]
        for step in steps:
            self.enter(*step)
        if not (self.tree / "var" / "run").exists():
            (self.tree / "var" / "run").symlink_to("/run")
        self.start_engine()
        self.start_sshd()


def _require() -> None:
    if os.geteuid() != 0:
        raise KitError("the stand-in needs root", "sudo kit dev pi up")
    packages = {
        "sshd": "openssh-server",
        "ssh-keygen": "openssh-client",
        "dockerd": "docker.io",
        "docker-init": "docker.io",
        "docker": "docker-cli",
        "mmdebstrap": "mmdebstrap",
        "nsenter": "util-linux",
        "ip": "iproute2",
    }
    for program, package in packages.items():
        if not _where(program):
            raise KitError(f"{program} is not installed", f"Debian: apt install {package}")
    if not Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").exists():
        raise KitError("this machine cannot run arm64 programs", "Debian: apt install qemu-user-static binfmt-support")


def _where(program: str) -> str:
    """sshd wants to be called by its whole path; a user's PATH has no /usr/sbin."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or ""


def _copy_program(name: str, tree: Path) -> None:
    """One of this machine's own programs, with the libraries that it is linked to: emulating it would only cost time."""
    libraries = re.findall(r"(/\S+) \(0x", process.run(["ldd", _where(name)]).stdout)
    for source in (_where(name), *libraries):
        target = tree / source.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            shutil.copy2(source, target)


def _wait(ready: object, log: Path, patience_s: float = 300.0) -> None:
    assert callable(ready)
    end = time.monotonic() + patience_s
    while not ready():
        if time.monotonic() > end:
            raise KitError("the stand-in does not start", f"see {log}")
        time.sleep(0.05)
