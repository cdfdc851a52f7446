"""The protocols that a preset, a command and a record name: how each cell is measured."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from kit.errors import unknown

Statistic = Literal["mean", "median"]


class Protocol(Struct, frozen=True):
    """How one cell is measured, with each of the `delegates`: none are TFLite's built-in kernels, xnnpack is the default.

    In each of `processes` fresh processes the model runs at least `warmup_inferences` times and `warmup_seconds` without
    being counted, then at least `inferences` times and `seconds`. `statistic` makes one number of a process's inferences,
    and one of the processes' numbers: the mean of means, or the median of medians.
    """

    name: str
    processes: int
    warmup_inferences: int
    warmup_seconds: float
    inferences: int
    seconds: float
    statistic: Statistic
    delegates: tuple[str, ...]
    says: str


# `paper`: the TFLite benchmark tool's own values of 2021 (warmup_runs 1, warmup_min_secs 0.5, num_runs 50,
# min_secs 1.0, no use_xnnpack), which the study took as they are.
PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "paper", 1, 1, 0.5, 50, 1.0, "mean", ("none",),
            "as the study: one process, no delegate, warm-up of 0.5 s, at least 50 inferences and 1 s, mean",
        ),
        Protocol(
            "rigorous", 5, 10, 0.5, 50, 2.0, "median", ("none", "xnnpack"),
            "5 fresh processes, each at least 50 inferences and 2 s, without a delegate and with XNNPACK, median",
        ),
        Protocol(
            "trial", 2, 1, 0.0, 3, 0.0, "median", ("xnnpack",),
            "2 short processes: to see that everything works, no more",
        ),
    )
}  # fmt: skip


def get(name: str) -> Protocol:
    """The protocol called `name`; an unknown name raises KitError with the nearest known one."""
    if name not in PROTOCOLS:
        raise unknown("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]
