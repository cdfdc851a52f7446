"""How much slower than the table says this machine trains, with as many processes at once as a run would have."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from kit import process
from kit.errors import KitError
from kit.stages import train
from kit.study.preset import Preset

_PATIENCE_S = 600.0


def slowness(preset: Preset, names: Sequence[str], workers: int) -> dict[str, float]:
    """For each architecture the time that a step takes here, as a multiple of what its entry says.

    Takes about ten seconds of each core for each of them. Raises KitError if a process ends without an answer.
    """
    order = msgspec.json.encode({"preset": preset, "architectures": names})
    with ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(_measured, [order] * workers))
    rates = {name: statistics.fmean(one[name] for one in found) for name in names}
    return {name: train.images_per_s(preset, name) / rate for name, rate in rates.items()}


def _measured(order: bytes) -> Mapping[str, float]:
    done = process.feed([sys.executable, "-m", "kit.stages.tensorflow.probe"], [order], patience_s=_PATIENCE_S)
    try:
        return msgspec.json.decode(done.stdout if done.code == 0 else "", type=dict[str, float])
    except msgspec.DecodeError as error:
        raise KitError(f"this machine's rate is unknown ({done.reason})", "kit doctor; or use --workers 1") from error
