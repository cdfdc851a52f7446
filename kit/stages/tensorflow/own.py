"""Networks of the user's own: built by their code, loaded from their file, or one of `keras.applications`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from tf_keras.src.engine.functional import Functional

from kit.errors import KitError
from kit.stages.tensorflow import saved
from kit.stages.tensorflow.backend import keras
from kit.study import networks
from kit.study.architectures import Architecture
from kit.study.settings import Network

_UNTOUCHED = -54321  # a value that no weight has


def built(known: Architecture, shape: tuple[int, int, int], classes: int, run: Path | None = None) -> Any:
    """The uncompiled `tf_keras` model of a network of the user's own, for images of this shape and so many classes, without
    models in it: their layers are its own.

    Raises KitError if its files are not those that the run is of, or if they don't give a model.
    """
    network = known.network
    assert network is not None
    if networks.settled(known.name, network, run).sha256 != network.sha256 or not _are_there(network):
        raise KitError(
            f"the files of architecture {known.name} have changed or are gone", "run `kit reproduce` with the preset"
        )
    if network.model:
        model = saved.load(Path(network.model))
    elif network.build:
        model = _called(known.name, network, shape, classes)
    else:
        model = _application(known.name, network, shape, classes)
    model = _flat(known.name, model)
    if network.weights:
        _load_weights(model, known.name, Path(network.weights))
    return model


def _are_there(network: Network) -> bool:
    return all(path.is_file() for path in networks.files(network).values())


def _called(name: str, network: Network, shape: tuple[int, int, int], classes: int) -> Any:
    """What the user's function returns."""
    path, function = networks.source(network.build)
    files = networks.files(network)
    try:
        with _importable(path.parent.resolve(), files):
            build = getattr(_imported(path), function, None)
            if not callable(build):
                raise KitError(f"{path} has no function {function}", "it must take a shape and a number of classes")
            return build(shape, classes)
    except KitError:
        raise
    except (Exception, SystemExit) as error:
        where, line = _where(error, path, files.values())
        raise KitError(f"architecture {name}: {where}{line}: {_first_line(error)}", f"correct {where}") from error


@contextmanager
def _importable(folder: Path, names: Iterable[str]) -> Iterator[None]:
    """Code finds what is beside it, and not what was beside another network's."""
    kept, known = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = kept
        own = {name.partition("/")[0].removesuffix(".py") for name in names}
        for module in set(sys.modules) - known:
            if module.partition(".")[0] in own:
                del sys.modules[module]


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _where(error: BaseException, path: Path, files: Iterable[Path]) -> tuple[Path, str]:
    """The user's file, and the line in it, that an error came from."""
    own, found, trace = {one.resolve(): one for one in files}, (path, ""), error.__traceback__
    while trace:
        if file := own.get(Path(trace.tb_frame.f_code.co_filename).resolve()):
            found = file, f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no reason given'}"


def _application(name: str, network: Network, shape: tuple[int, int, int], classes: int) -> Any:
    constructor = getattr(keras.applications, network.application)
    options = {} if network.width == 1 else {"alpha": network.width}
    if options and "alpha" not in inspect.signature(constructor).parameters:
        raise KitError(f"{network.application} can't be made wider or narrower", f"leave out width of architecture {name}")
    try:
        model = constructor(input_shape=shape, classes=classes, weights=None, **options)
    except ValueError as error:
        raise KitError(f"architecture {name}: {_first_line(error)}", "change image_size or width") from error
    if getattr(model.layers[-1], "activation", None) is keras.activations.linear:  # RegNet forgets its softmax
        return keras.Model(model.input, keras.layers.Softmax(name="probabilities")(model.output))
    return model


def _flat(name: str, model: Any) -> Any:
    """The model with the layers of the models in it as its own: tfmot prunes no model in a model."""
    if type(model).__module__.split(".")[0] == "keras":
        raise KitError(f"architecture {name} is a Keras 3 model, and pruning needs tf_keras", "import tf_keras in its file")
    if not isinstance(model, keras.Model):
        raise KitError(f"architecture {name} is a {type(model).__name__}", "return a tf_keras.Model")
    if not isinstance(model, Functional) or not model.built:
        wrong = f"architecture {name} is a subclass of Model, or has no input shape"
        raise KitError(wrong, "make it with tf_keras.Model(inputs, outputs), or Sequential with an Input")
    if not any(isinstance(layer, keras.Model) for layer in model.layers):
        return model
    plain = Functional.__call__
    Functional.__call__ = lambda self, *args, **options: self.call(*args, **options)
    try:
        inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=tensor.name) for tensor in model.inputs]
        return keras.Model(inputs, model.call(inputs if len(inputs) > 1 else inputs[0]))
    except ValueError as error:
        raise KitError(f"architecture {name}: {_first_line(error)}", "give each layer a name of its own") from error
    finally:
        Functional.__call__ = plain


def _load_weights(model: Any, name: str, path: Path) -> None:
    """Take over what fits by name and shape, such as all but the classifier. Raises KitError if nothing does, or if the file
    takes weights from others."""
    before = [np.asarray(weight.numpy()) for weight in model.weights]
    for weight, own in zip(model.weights, before, strict=True):
        weight.assign(np.full_like(own, _UNTOUCHED))
    try:
        _take(model, path)
    except KitError:
        raise
    except Exception as error:  # a hostile file makes h5py and Keras raise anything
        wrong = f"{path} can't be read as weights ({_first_line(error)})"
        raise KitError(wrong, "write it with tf_keras, as .h5") from error
    untouched = [bool((weight.numpy() == _UNTOUCHED).all()) for weight in model.weights]
    if all(untouched):
        raise KitError(f"{path} has no weights of architecture {name}", "give its layers the names that they have there")
    for weight, own, is_untouched in zip(model.weights, before, untouched, strict=True):
        if is_untouched:
            weight.assign(own)


def _take(model: Any, path: Path) -> None:
    if path.suffix != ".safetensors":
        saved.refuse_links(path)
        model.load_weights(path, by_name=True, skip_mismatch=True)
        return
    from safetensors.numpy import load_file

    tensors = load_file(path)
    for weight in model.weights:
        if weight.name in tensors and tensors[weight.name].shape == tuple(weight.shape):
            weight.assign(tensors[weight.name])
