"""The compiled operations' library in TensorFlow: found by its path, or training stops."""

from __future__ import annotations

import ctypes
import os
from functools import cache
from typing import Any

from kit.errors import KitError
from kit.stages.tensorflow.backend import tf
from kit.stages.tensorflow.ops import build

_OTHERWISE = 'or set training_ops = "tensorflow" in the preset'


@cache
def operations() -> Any:
    """The operations of operations.cpp as Python functions. Raises KitError if they are not built or cannot run here."""
    path = build.path()
    if not path.is_file():
        raise KitError(
            "the training operations are not built",
            f"run `make .venv/ready` or `python -m kit.stages.tensorflow.ops.build`, {_OTHERWISE}",
        )
    if tf.config.list_physical_devices("GPU"):
        raise KitError(
            "the compiled training operations run on the CPU only, and this machine has a GPU", f"hide it, {_OTHERWISE}"
        )
    try:
        found = tf.load_op_library(str(path))
    except tf.errors.OpError as error:
        raise KitError(f"{path.name} cannot be loaded: {error}", f"build it again, {_OTHERWISE}") from error
    if not isa():
        wish = os.environ.get("KIT_OPS_ISA")
        raise KitError(f"this processor has no {wish}", "unset KIT_OPS_ISA, or name sse2, avx2 or avx512")
    return found


def isa() -> str:
    """The instruction set that computes, chosen when the library was loaded."""
    library = ctypes.CDLL(str(build.path()))
    library.kit_ops_isa.restype = ctypes.c_char_p
    return str(library.kit_ops_isa().decode())


def described() -> dict[str, str]:
    """What decided the library's bytes, and the instruction set here: no setting, for all of them give the same bits."""
    operations()
    return {"source_sha256": build.digest(build.machine()), "isa": isa()}
