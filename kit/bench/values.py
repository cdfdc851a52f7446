"""What a bench measures and records: every key with its meaning and unit."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from kit.causes import last_line

_KILLED = {
    4: "its processor lacks an instruction that the interpreter uses: choose another one with --interpreter",
    9: "killed, probably out of memory: close other programs there, or choose smaller models",
    **dict.fromkeys((6, 7, 8, 11), "the interpreter crashed: the file is damaged, or choose another one with --interpreter"),
    14: "it was ended, because it took too long: the file is damaged, or too large for this device",
}
ValidityState = Literal["valid", "invalid", "unknown"]


class Reading(Struct, frozen=True):
    """What the kernel and the firmware say about a device at one moment; None or empty if they say nothing.

    `throttled` are the firmware's bits, clocks are in kHz, one a core; `measured_khz` is what the firmware measured,
    whatever the kernel asked for. `load` is the load average over a minute, `time` in seconds since 1970.
    """

    time: float
    load: float
    governor: str | None = None
    clock_khz: tuple[int, ...] = ()
    max_clock_khz: tuple[int, ...] = ()
    temperature_c: float | None = None
    throttled: int | None = None
    measured_khz: int | None = None


class Readings(Struct, frozen=True):
    """The readings around one process: `during` has one every half second."""

    before: Reading
    during: tuple[Reading, ...]
    after: Reading


def reason(code: int, err: str) -> str:
    """Why an agent ended with `code`, in one line: what killed it, and the last line of its stderr."""
    last = last_line(err, f"it ended with code {code}").removeprefix("error: ")
    said = "".join(letter if letter.isprintable() else "?" for letter in last)
    return f"{_KILLED.get(-code, f'killed by signal {-code}')}; last said: {said}" if code < 0 else said


class Answer(Struct, frozen=True):
    """How the agent ended, what it printed, and the readings meanwhile."""

    code: int
    out: str
    err: str
    readings: Readings

    def reason(self, path: str, name: str) -> str:
        """What killed it, or the last line of its stderr, with the name that the user knows instead of the path there."""
        return reason(self.code, self.err.replace(path, name))


class Input(Struct, frozen=True):
    """One input of a model as it was measured; `dtype` is numpy's, `filled` says with what."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    filled: str

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape)) or "a single number"
        return f"{self.name} {size} {self.dtype} ({self.filled})"


class Sample(Struct, frozen=True):
    """One fresh process: its warm-up and its single inferences in nanoseconds, and its resident memory in bytes.

    `base_rss_bytes` is in use before the model is loaded, `peak_rss_bytes` is the highest until the last inference. The
    file has `nodes`, a delegate runs `delegated_nodes` of them in `partitions`, and it was given these `inputs`; its only
    input has the `input_shape`. None if an older kit did not look.
    """

    latency_ns: tuple[int, ...]
    warmup_ns: tuple[int, ...]
    base_rss_bytes: int
    peak_rss_bytes: int
    nodes: int | None = None
    delegated_nodes: int | None = None
    partitions: int | None = None
    input_shape: tuple[int, ...] | None = None
    inputs: tuple[Input, ...] | None = None


class Sentinel(Struct, frozen=True):
    """One measurement of the smallest model, which is measured again and again to see drift; `time` as in `Reading`."""

    cell: str
    median_ns: float
    time: float


class Parity(Struct, frozen=True):
    """The first `n` test images: top-1 accuracy there and here, 0 to 1, and the indices of those with another class.

    `by_class` counts the differing ones by their true class.
    """

    n: int
    top1: float
    top1_here: float
    differing: tuple[int, ...]
    by_class: dict[str, int]


class Governor(Struct, frozen=True):
    """The governors before, and the highest clocks where one was pinned, by the kernel's file of each; `refused` are the
    files that could not be written.

    Empty where the kit did not try: on its own machine it only reads.
    """

    previous: dict[str, str] = {}
    refused: tuple[str, ...] = ()


class Device(Struct, frozen=True):
    """What was measured on. `engine` is the version of its Docker engine, empty if none took part."""

    model: str
    kernel: str = ""
    machine: str = ""
    engine: str = ""
    cores: int | None = None


class BenchSettings(Struct, frozen=True):
    """How a cell was measured: part of a record's fingerprint. `where` is `local` or a host's name.

    The fields from `processes` to `statistic` are those of the protocol. `clock_mhz` is the clock that the device was pinned
    to, `shapes` the sizes that inputs were given, as they were typed; both are left out if there were none.
    """

    where: str
    protocol: str
    interpreter: str
    delegate: str
    threads: int
    processes: int
    warmup_inferences: int
    warmup_seconds: float
    inferences: int
    seconds: float
    statistic: str
    parity_images: int = 0
    clock_mhz: int | UnsetType = UNSET
    shapes: tuple[str, ...] | UnsetType = UNSET


class BenchValues(Struct, frozen=True):
    """What a bench record holds. `origin` is device, local or emulated.

    `samples`, `readings`, `attempts` and `cooled_s` have one entry a process: what it measured, what the device said
    meanwhile, how often it was tried, and how many seconds were waited for the device to cool.
    `image` is the ID of the Pi image that measured, empty if it was this machine's own Python.
    """

    origin: str
    device: Device
    samples: tuple[Sample, ...]
    readings: tuple[Readings, ...] = ()
    attempts: tuple[int, ...] = ()
    cooled_s: tuple[float, ...] = ()
    sentinel: tuple[Sentinel, ...] = ()
    validity: ValidityState = "unknown"
    invalid_reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    governor: Governor = Governor()
    image: str = ""
    parity: Parity | None = None
