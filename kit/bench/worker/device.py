"""What the kernel and the firmware of this device say: temperature, clock, governor and throttling.

Needs the standard library alone.
"""

import fcntl
import os
import struct
import time
from pathlib import Path

VCIO = Path("/dev/vcio")  # the mailbox of a Raspberry Pi's firmware
_PROPERTY = 0xC0086400  # _IOWR(100, 0, char *)
_THROTTLED, _CLOCK, _ARM = 0x00030046, 0x00030047, 3
_DONE = 0x80000000


def ask_firmware(tag: int, *values: int, node: Path = VCIO) -> "int | None":
    """The last of the firmware's words that answer `tag`, as many as `values`; None if there is no answer."""
    size = 4 * len(values)
    message = bytearray(struct.pack(f"={6 + len(values)}I", 24 + size, 0, tag, size, 0, *values, 0))
    try:
        with node.open("rb") as mailbox:
            fcntl.ioctl(mailbox, _PROPERTY, message)
    except OSError:
        return None
    words = struct.unpack(f"={6 + len(values)}I", message)
    return words[4 + len(values)] if words[1] == _DONE and words[4] & _DONE else None


class DeviceState:
    """What the kernel and the firmware say about the device; `root` is where its /sys is, `vcio` its firmware's mailbox."""

    def __init__(self, root: Path, vcio: Path = VCIO) -> None:
        self.cpus = sorted(root.glob("devices/system/cpu/cpu[0-9]*/cpufreq"))
        self.throttled = next(iter(sorted(root.glob("devices/platform/soc*/*firmware*/get_throttled"))), None)
        self.temperature = root / "class/thermal/thermal_zone0/temp"
        self.vcio = vcio
        self._tags = {_THROTTLED: (0,), _CLOCK: (_ARM, 0)}

    def _asked(self, tag: int) -> "int | None":
        """The firmware's answer; one that it does not give is not asked for again."""
        if tag not in self._tags:
            return None
        found = ask_firmware(tag, *self._tags[tag], node=self.vcio)
        if found is None:
            del self._tags[tag]
        return found

    def bits(self) -> "int | None":
        """The firmware's throttling bits, from the kernel's file, else from the firmware itself."""
        return self._asked(_THROTTLED) if self.throttled is None else _number(self.throttled, 16)

    def read(self) -> dict[str, object]:
        """None for what this device does not tell. `throttled` are the firmware's bits, clocks are in kHz; `measured_khz`
        is the firmware's own measurement: a Pi 5's kernel does not know by how much it is throttled."""
        temperature, measured_hz = _number(self.temperature), self._asked(_CLOCK)
        return {
            "throttled": self.bits(),
            "temperature_c": temperature / 1000 if temperature is not None else None,
            "clock_khz": self._clocks("scaling_cur_freq"),
            "max_clock_khz": self._clocks("scaling_max_freq"),
            "measured_khz": measured_hz // 1000 if measured_hz else None,
            "governor": text_of(self.cpus[0] / "scaling_governor") if self.cpus else None,
            "load": os.getloadavg()[0],
            "time": round(time.time(), 3),
        }

    def _clocks(self, name: str) -> "list[int]":
        return [clock for cpu in self.cpus if (clock := _number(cpu / name))]

    def wanted(self, governor: str, clock_khz: int) -> "dict[str, str]":
        """The kernel's files to write, each with its content. A `clock_khz` of 0 leaves the clocks as they are."""
        clock = {"scaling_max_freq": str(clock_khz)} if clock_khz else {}
        return {str(cpu / name): text for cpu in self.cpus for name, text in {"scaling_governor": governor, **clock}.items()}


def text_of(path: Path) -> str:
    """The first characters of a small file on one line, whatever is in it."""
    try:
        text = path.read_bytes()[:1000].decode(errors="replace")
    except OSError:
        return ""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _number(path: Path, base: int = 10) -> "int | None":
    """None if there is no number of 32 bits."""
    try:
        number = int(text_of(path)[:20], base)
    except ValueError:
        return None
    return number if abs(number) < 1 << 32 else None
