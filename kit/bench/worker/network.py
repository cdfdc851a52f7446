"""A .tflite file in one of the two interpreters: what they have in common, and loading it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    Array = np.ndarray[tuple[int, ...], np.dtype[np.generic]]
    Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]

PACKAGES = {"litert": "ai-edge-litert", "tflite": "tflite-runtime"}


class Unusable(Exception):  # noqa: N818 - named for what it means
    """The model, the images or the interpreter cannot be used."""


class Refused(Unusable):
    """XNNPACK does not run the file, such as an int8 one with a layer that no calibration image activates."""


class Tensor(TypedDict):
    """What an interpreter says of an input or an output: `quantization` is scale and zero point, `dtype` numpy's."""

    index: int
    name: str
    shape: Sequence[int]
    shape_signature: Sequence[int]  # -1 where a size is open
    dtype: type[np.generic]
    quantization: tuple[float, int]


class Operator(TypedDict):
    """One node: the indices of its tensors."""

    index: int
    inputs: Sequence[int]
    outputs: Sequence[int]


class Wrapper(Protocol):
    """The C++ object behind an interpreter."""

    def NumNodes(self) -> int: ...  # noqa: N802 - its name there


class Interpreter(Protocol):
    """What LiteRT's and TFLite's interpreters have in common, of what is used here."""

    def allocate_tensors(self) -> None: ...
    def resize_tensor_input(self, index: int, size: Sequence[int]) -> None: ...
    def invoke(self) -> None: ...
    def get_input_details(self) -> list[Tensor]: ...
    def get_output_details(self) -> list[Tensor]: ...
    def set_tensor(self, index: int, value: Array) -> None: ...
    def get_tensor(self, index: int) -> Array: ...
    def _get_ops_details(self) -> list[Operator]: ...
    @property
    def _interpreter(self) -> Wrapper: ...


class Engine(NamedTuple):
    """An interpreter's class, and the kinds of resolvers that choose its delegate."""

    interpreter: Callable[..., Interpreter]
    resolvers: Resolvers


class Resolvers(Protocol):
    """The package's `OpResolverType`."""

    AUTO: int
    BUILTIN_WITHOUT_DEFAULT_DELEGATES: int


class Network(NamedTuple):
    """A model that is ready to run. Its file has `nodes`; a delegate adds its own."""

    interpreter: Interpreter
    nodes: int


def engine(name: str) -> Engine:
    """The interpreter of a package. Raises Unusable if it does not load."""
    try:
        if name == "litert":
            import ai_edge_litert.interpreter as module
        else:
            import tflite_runtime.interpreter as module
    except ImportError as error:
        remedy = "it needs glibc 2.34, as in Debian 12" if "GLIBC_" in str(error) else "install it"
        raise Unusable(f"{PACKAGES[name]} does not load here ({error}): {remedy}, or choose another interpreter") from error
    return Engine(module.Interpreter, module.OpResolverType)


def shown_shape(sizes: Sequence[int]) -> str:
    """`1 x open x open x 3`."""
    return " x ".join("open" if size < 0 else str(size) for size in sizes) or "a single number"


def require(model: Path) -> None:
    """Raises Unusable if there is no .tflite file to load."""
    if not model.is_file() or not os.access(model, os.R_OK):
        raise Unusable(f"{model} is missing or unreadable: name a .tflite file")
    if not model.stat().st_size:
        raise Unusable(f"{model} is empty: make it or copy it again")
    with model.open("rb") as stream:
        begin = stream.read(8)
    if begin[4:] != b"TFL3":
        raise Unusable(f"{model} is not a model in TFLite's format, it begins with {begin!r}: convert the model first")


def load(
    chosen: Engine,
    model: Path,
    threads: int,
    delegate: str = "xnnpack",
    prepare: Callable[[Interpreter], None] | None = None,
) -> Network:
    """An interpreter that is ready to run `model`; `xnnpack` is what both apply by default, where they can.

    `prepare` may resize the inputs before memory is allocated for them. Raises Unusable, or Refused.
    """
    kinds = chosen.resolvers
    kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES if delegate == "none" else kinds.AUTO
    try:
        made = chosen.interpreter(model_path=str(model), num_threads=threads, experimental_op_resolver_type=kind)
        nodes = made._interpreter.NumNodes()  # before a delegate adds its own
        if prepare:
            prepare(made)
        made.allocate_tensors()
    except ERRORS as error:
        if delegate == "xnnpack" and "XNNPack" in str(error):
            raise Refused(f"{model} is refused by XNNPACK: choose --delegate none") from error
        raise unusable(model, error) from error
    return Network(made, nodes)


ERRORS = (ValueError, RuntimeError, TypeError, MemoryError)  # what the interpreters' bindings raise


def unusable(model: Path, error: Exception) -> Unusable:
    """Why an interpreter does not run a model, in one line: the operator that it lacks, or what it said itself."""
    said = " ".join(str(error).split())
    said = re.sub(r"\s?[Nn]ode number", "; node number", said)
    if "Select TensorFlow op" in said:
        names = sorted({name.decode() for name in re.findall(rb"Flex[A-Z][A-Za-z0-9]{1,50}", model.read_bytes())})
        wrong = f"{model} uses operators of TensorFlow itself ({', '.join(names[:5])}), which this interpreter does not have"
        return Unusable(f"{wrong}: convert the model without SELECT_TF_OPS")
    if custom := re.search(r"(?:unresolved custom op|custom op code): ?(\S+?)\.? ", said + " "):
        wrong = f"{model} uses the custom operator {custom[1]}, which this interpreter does not have"
        return Unusable(f"{wrong}: convert the model without it")
    if newer := re.search(r"Didn't find op for builtin opcode '(\w+)' version '(\d+)'", said):
        wrong = f"{model} uses version {newer[2]} of the operator {newer[1]}, which this interpreter does not have"
        return Unusable(f"{wrong}: choose another one with --interpreter, or convert the model for it")
    return Unusable(f"{model} is not a model that this interpreter can run: {said[:300] or type(error).__name__}")


def delegated(network: Network) -> dict[str, int]:
    """How many `nodes` the file has, how many of them a delegate runs, and in how many `partitions`.

    A delegate adds a node for each partition, behind those of the file, and leaves the nodes that it runs in the list: they
    are what lies between the added node's outputs and its inputs.
    """
    operators = network.interpreter._get_ops_details()
    own, added = operators[: network.nodes], operators[network.nodes :]
    maker = {int(tensor): operator for operator in own for tensor in operator["outputs"]}
    found = {index for node in added for index in _between(node, maker)}
    return {"nodes": len(own), "delegated_nodes": len(found), "partitions": len(added)}


def _between(node: Operator, maker: dict[int, Operator]) -> set[int]:
    seen, found = {int(tensor) for tensor in node["inputs"]}, set()
    left = [int(tensor) for tensor in node["outputs"]]
    while left:
        tensor = left.pop()
        if tensor not in seen and tensor in maker:
            found.add(int(maker[tensor]["index"]))
            left += [int(source) for source in maker[tensor]["inputs"]]
        seen.add(tensor)
    return found
