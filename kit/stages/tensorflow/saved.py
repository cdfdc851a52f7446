"""Networks out of .keras and .h5 files that nobody vouches for: what could run code is refused before it is loaded."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from kit.errors import KitError
from kit.stages.tensorflow.backend import keras

_MOST_BYTES = 4 * 2**30
_MOST_CONFIG = 50_000_000
_STRUCTURE = {"Functional", "Sequential", "Model", "Policy", "DTypePolicy", "TensorShape", "__tuple__", "__keras_tensor__"}
_REACHING = {"Lambda", "IntegerLookup", "StringLookup", "TextVectorization"}  # have code, or read a file that they name
_MODULES = re.compile(r"(tf_)?keras(\.\w+)*")
_LAMBDAS = {"TFOpLambda", "SlicingOpLambda"}
_OPERATIONS = re.compile(
    r"(math|nn|__operators__)\.\w+|reshape|concat|cast|identity|squeeze|expand_dims|pad|split|stack|tile|transpose"
)
_CODE = 'give the code that builds it, with build = "module:function", and its weights with weights = "file.h5"'


def load(path: Path) -> Any:
    """The `tf_keras` model in a file. Raises KitError if it is damaged, was written by Keras 3, or brings code."""
    try:
        is_zip = _is_zip(path)
        refuse_links(path)
        config, version = _zipped(path) if is_zip else _hdf5(path)
        if version.split(".")[0] not in ("1", "2"):
            raise KitError(
                f"{path} was written by Keras {version or '3'}, and pruning needs tf_keras",
                f"write it with tf_keras (TF_USE_LEGACY_KERAS=1), or {_CODE}",
            )
        _refuse_code(path, config)
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except KitError:
        raise
    except Exception as error:  # a hostile file makes zipfile, h5py and Keras raise anything
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise KitError(f"{path} can't be read as a network ({first})", "write it with tf_keras, `model.save`") from error


def _is_zip(path: Path) -> bool:
    """Whether Keras takes it for a ZIP: it goes by the name. Raises KitError if the content is of the other kind, or of
    both: one would be checked, and the other loaded."""
    if path.name.endswith(".keras") != zipfile.is_zipfile(path):
        kind = "no ZIP, as a .keras file is" if path.name.endswith(".keras") else "a ZIP, as only a .keras file is"
        raise KitError(f"{path} can't be read as a network (it is {kind})", "write it with tf_keras, `model.save`")
    return path.name.endswith(".keras")


def _zipped(path: Path) -> tuple[Any, str]:
    """The configuration in a .keras file, and the version of Keras that wrote it."""
    with zipfile.ZipFile(path) as archive:
        metadata = json.loads(archive.read("metadata.json"))
        config = json.loads(archive.read("config.json"))
    config["compile_config"] = None  # an optimizer, which `load` leaves out
    return config, str(metadata.get("keras_version", ""))


def _hdf5(path: Path) -> tuple[Any, str]:
    """The same of an .h5 file."""
    with h5py.File(path, "r") as file:
        if "model_config" not in file.attrs:
            raise KitError(f"{path} has weights, but no network", _CODE)
        return json.loads(_text(file.attrs["model_config"])), _text(file.attrs.get("keras_version", ""))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def refuse_links(path: Path) -> None:
    """Raise KitError if an .h5 or .keras file has weights that are elsewhere: HDF5 can take data from any other file of the
    machine. One that is damaged makes zipfile and h5py raise anything."""
    if not path.name.endswith(".keras"):
        with h5py.File(path, "r") as file:
            _refuse_links(path, file)
        return
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
        if sum(sizes.values()) > _MOST_BYTES or sizes.get("config.json", 0) > _MOST_CONFIG:
            raise KitError(f"{path} is refused", "it unpacks to more than a network needs")
        for name in sizes:
            if name.endswith(".h5"):
                with h5py.File(io.BytesIO(archive.read(name)), "r") as file:
                    _refuse_links(path, file)


def _refuse_links(path: Path, group: h5py.Group) -> None:
    for name in group:
        link = group.get(name, getlink=True)
        inner = group[name] if isinstance(link, h5py.HardLink) else None
        if inner is None or (isinstance(inner, h5py.Dataset) and (inner.external or inner.is_virtual)):
            raise KitError(f"{path} is refused", f"{name!r} in it leads elsewhere")
        if isinstance(inner, h5py.Group):
            _refuse_links(path, inner)


def _refuse_code(path: Path, config: Any) -> None:
    modules = (keras.layers, keras.initializers, keras.regularizers, keras.constraints)
    classes = {name for module in modules for name, value in vars(module).items() if isinstance(value, type)}
    known = (_STRUCTURE | classes) - _REACHING
    activations = {name for name, value in vars(keras.activations).items() if callable(value)} - {"deserialize", "get"}
    for layer, one in _objects(config, "network"):
        name, own, module = str(one["class_name"]), one.get("config"), one.get("module")
        is_keras = module is None or bool(_MODULES.fullmatch(str(module)))
        is_itself = one.get("registered_name") in (None, name)  # else Keras may take that, whatever the class is called
        if name == "function":
            is_known = module == "builtins" and isinstance(own, str) and own in activations
            name = f"function {own}"
        elif name in _LAMBDAS:
            function = own.get("function") if isinstance(own, dict) else None
            is_known = is_keras and is_itself and bool(_OPERATIONS.fullmatch(str(function)))
            name = f"{name} of {function}"
        else:
            is_known = is_keras and is_itself and name in known
        if not is_known:
            wrong = f"{path}: layer {layer!r} is a {name}, which could run code of the file or read others"
            raise KitError(wrong, _CODE)


def _objects(value: Any, layer: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything in a configuration that is made by the name of a class, with the name of the layer that it is of."""
    if isinstance(value, dict):
        own = value.get("config")
        if "class_name" in value:
            layer = str(own.get("name", layer)) if isinstance(own, dict) else layer
            yield layer, value
        for inner in value.values():
            yield from _objects(inner, layer)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner, layer)
