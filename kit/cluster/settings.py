"""Dask as the kit uses it: no web pages, no data between workers, nothing that a cluster's members may ask for but jobs."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from typing import Any

import dask
import distributed  # noqa: F401 - reads the user's own settings, which those below overrule

LOST_AFTER_S = 60  # without a heartbeat: a machine that hangs has lost its jobs
_OFFERED = {"register-client", "register-worker", "heartbeat_worker", "identity"}  # by the scheduler
_SETTINGS = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.worker-ttl": f"{LOST_AFTER_S}s",
    "distributed.scheduler.allowed-failures": 20,  # of machines under one job: batch systems end them as they like
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.preload": [],
    "distributed.worker.preload": [],
    "distributed.worker.profile.enabled": False,
    "distributed.client.preload": [],
    "distributed.comm.compression": False,
    "distributed.comm.timeouts.connect": "10s",
    "distributed.comm.timeouts.tcp": "30s",
    "distributed.comm.retry.count": 0,
}


def use() -> None:
    """Put them into force, for this process."""
    dask.config.set(_SETTINGS)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


def only_jobs(handlers: MutableMapping[str, Callable[..., Any]]) -> None:
    """Take from a scheduler what else it would do for whoever reaches it, such as running a function."""
    for name in [name for name in handlers if name not in _OFFERED and not name.startswith("kit_")]:
        del handlers[name]
