"""What the head and its workers say to each other, beyond what Dask says itself: msgspec structs, as bytes."""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from kit.study.preset import Preset
from kit.workflow.graph import Job

T = TypeVar("T")

CHUNK = 4 << 20  # bytes: a message larger than that would hold up the heartbeats
# Names under which the head serves its workers.
HELLO, BEGIN, BLOB, EVENT, PUT, KEEP, FINISH, GIVE_BACK = (
    "kit_hello", "kit_begin", "kit_blob", "kit_event", "kit_put", "kit_keep", "kit_finish", "kit_give_back"
)  # fmt: skip

RUN = "{run}/"  # stands for the run's folder, where a worker speaks of a file in its own
NOT_YOURS = "another worker has it now"
CLOSING = "the head ends"


class Machine(Struct, frozen=True):
    """What a worker says of where it runs. `traits` decide the bytes of results, each by its name; `image` is its ID."""

    name: str
    slots: int
    traits: dict[str, str]


class Welcome(Struct, frozen=True):
    """The head's answer: under which name it knows the worker, or, without one, why it refuses it."""

    name: str = ""
    differences: tuple[str, ...] = ()


class File(Struct, frozen=True):
    """A file by its content: where it belongs in the folder of the run or of the data, its SHA-256 and its bytes."""

    path: str
    sha256: str
    size: int


class Order(Struct, frozen=True):
    """A job, and all that a worker needs for it: files of the run, the data set and the user's own networks, in a folder
    for each. `keep_every_s` is how often checkpoints travel."""

    job: Job
    preset: Preset
    is_seeded: bool
    files: tuple[File, ...]
    data: tuple[File, ...]
    networks: tuple[File, ...]
    keep_every_s: float


class Progressed(Struct, frozen=True):
    """One task of a job that is running or has failed; numbers as in `Happened`. That one is done, only its files prove."""

    task: int  # its place in the job
    state: Literal["running", "failed"]
    done: int = 0
    total: int = 0
    note: str = ""


def encode(message: Struct) -> bytes:
    return msgspec.msgpack.encode(message)


def decode(content: bytes, kind: type[T]) -> T:
    """Raises msgspec.DecodeError if it is not one."""
    return msgspec.msgpack.decode(content, type=kind)
