"""What the firmware and the kernel of three Raspberry Pis say at rest: their files below /sys, and their memory."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from kit.errors import unknown


class PiModel(Struct, frozen=True):
    """A model: its name in the device tree, where the kernel keeps what the firmware says of throttling, its clock, and its
    memory in kB, all and available. Its page size and its speed are this machine's."""

    name: str
    firmware: str
    clock_khz: int
    memory_kb: tuple[int, int]

    def sys(self) -> Iterator[tuple[str, str]]:
        """The files below /sys, by their path, of a cool device at rest."""
        yield "firmware/devicetree/base/model", f"{self.name} (stand-in)\0"
        yield f"devices/platform/{self.firmware}/get_throttled", "0\n"
        yield "class/thermal/thermal_zone0/temp", "48312\n"
        for core in range(4):
            folder = f"devices/system/cpu/cpu{core}/cpufreq"
            yield f"{folder}/scaling_governor", "ondemand\n"
            yield f"{folder}/scaling_cur_freq", f"{self.clock_khz}\n"
            yield f"{folder}/scaling_max_freq", f"{self.clock_khz}\n"
            yield f"{folder}/scaling_available_governors", "ondemand performance powersave\n"

    def meminfo(self) -> str:
        total, available = self.memory_kb
        return f"MemTotal:       {total:8} kB\nMemFree:        {available:8} kB\nMemAvailable:   {available:8} kB\n"


MODELS = {
    "pi4": PiModel("Raspberry Pi 4 Model B Rev 1.4", "soc/soc:firmware", 1_500_000, (3_885_396, 3_500_000)),
    "pi4-fast": PiModel("Raspberry Pi 4 Model B Rev 1.5", "soc/soc:firmware", 1_800_000, (7_999_000, 7_400_000)),
    "pi5": PiModel(
        "Raspberry Pi 5 Model B Rev 1.0", "soc@107c000000/soc@107c000000:firmware", 2_400_000, (8_256_112, 7_600_000)
    ),
    "zero2": PiModel("Raspberry Pi Zero 2 W Rev 1.0", "soc/soc:firmware", 1_000_000, (426_072, 245_000)),
}


def model(name: str) -> PiModel:
    """Raises KitError for an unknown one."""
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    return MODELS[name]
