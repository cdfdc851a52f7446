"""Networks of the user's own: what is taken, and the one line for what can't be."""

from __future__ import annotations

import io
import json
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kit.errors import KitError
from kit.stages import prune
from kit.stages.tensorflow import checks, models, saved
from kit.stages.tensorflow.backend import keras, tf
from kit.study import architectures, networks
from kit.study.settings import Network, Schedule

pytestmark = [  # what TensorFlow says beside its work
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file:UserWarning"),
    pytest.mark.filterwarnings("ignore:Skipping loading:UserWarning"),
]

layers = keras.layers
SHAPE, CLASSES = (16, 16, 3), 4
HEAD = "import tensorflow as tf\nfrom tf_keras import Model, Sequential, layers\n\ndef build(shape, classes):\n"
PLAIN = """
return Sequential([layers.Input(shape), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(),
                   layers.Dense(classes, activation="softmax")])
"""


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., Any]:
    """A network from the body of its function, after all checks."""

    def make(body: str, *precisions: str) -> Any:
        (tmp_path / "my_net.py").write_text(HEAD + textwrap.indent(textwrap.dedent(body), "    "))
        return checked(Network(build=f"{tmp_path}/my_net:build"), precisions)

    return make


def checked(network: Network, precisions: tuple[str, ...] = (), shape: tuple[int, int, int] = SHAPE) -> Any:
    known = architectures.get("mine", {"mine": networks.settled("mine", network, None)})
    model = models.build(known, 1, None, CLASSES, shape)
    checks.fits("mine", model, shape, CLASSES)
    checks.prunable("mine", model)
    checks.convertible("mine", model, precisions)
    return model


def conv() -> Any:
    return keras.Sequential(
        [layers.Input(SHAPE), layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(CLASSES, "softmax")]
    )


def test_a_function_builds_it_the_same_for_the_same_seed(built: Callable[..., Any]) -> None:
    first = [weight.numpy() for weight in built(PLAIN, "float32", "int8").weights]
    again = built(PLAIN)
    assert [layer.name for layer in again.layers] == ["conv2d", "global_average_pooling2d", "dense"]
    assert all((a == b.numpy()).all() for a, b in zip(first, again.weights, strict=True))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (PLAIN.replace("Input(shape)", "Input((32, 32, 3))"), "'input_1' takes 32 x 32 x 3.*: set image_size = 32"),
        (PLAIN.replace("Input(shape)", "Input((16, 16, 1))"), "takes 16 x 16 x 1.*: it must take RGB"),
        (PLAIN.replace("Dense(classes", "Dense(7"), "last layer 'dense' gives 7 values, and there are 4 classes"),
        (PLAIN.replace("Dense(classes", "Dense(1"), "last layer 'dense' gives 1 value, and there are 4 classes"),
        ("i = layers.Input(shape)\nreturn Model(i, [i, i])", "has 1 input and 2 outputs: it must take an image"),
        (PLAIN.replace(', activation="softmax"', ""), "last layer 'dense' gives no probabilities: end it with a softmax"),
        (PLAIN.replace("layers.Input(shape), ", ""), "is a subclass of Model, or has no input shape"),
        ("x = 1\nreturn x / 0", r"my_net.py, line 6: ZeroDivisionError: division by zero"),
        ("return (", "SyntaxError"),
        ("raise SystemExit(1)", "my_net.py, line 5: SystemExit: 1: correct"),
        ("return None", "is a NoneType: return a tf_keras.Model"),
        ("import keras\nreturn keras.Sequential([keras.layers.Input(shape)])", "is a Keras 3 model.*: import tf_keras"),
        ("return Sequential([layers.Input(shape), layers.GlobalMaxPooling2D(), layers.Dense(classes)])", "no probabilities"),
    ],
)
def test_what_is_no_network_for_these_pictures_is_one_line(built: Callable[..., Any], body: str, said: str) -> None:
    with pytest.raises(KitError, match=said):
        built(body)


ODD = """
class Mine(layers.Layer):
    def build(self, shape): self.k = self.add_weight("k", (shape[-1], 4))
    def call(self, x): return tf.matmul(x, self.k)
return Sequential([layers.Input(shape), Mine(name="odd"), layers.GlobalAveragePooling2D(), layers.Softmax()])
"""
STRANGE = PLAIN.replace("3), l", '3), layers.Lambda(lambda x: tf.math.erfinv(tf.tanh(x) * 0.5), name="strange"), l')
RECURRENT = """
return Sequential([layers.Input(shape), layers.Reshape((16, 48)), layers.LSTM(8),
                   layers.Dense(classes, activation="softmax")])
"""


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (ODD, "layer 'odd' is a Mine, which tfmot can't prune: "),
        (STRANGE, r"layer 'strange' \(tf.Erfinv\) can't be converted to int8: "),
        (RECURRENT, r"layer 'lstm' \(LSTM\) can't be converted to int8: "),
    ],
)
def test_a_layer_that_is_in_the_way_is_named(built: Callable[..., Any], body: str, said: str) -> None:
    with pytest.raises(KitError, match=said):
        built(body, "int8")


def test_a_model_in_a_model_becomes_its_layers(built: Callable[..., Any]) -> None:
    model = built("""
        deep = Sequential([layers.Input((14, 14, 4)), layers.SeparableConv2D(8, 3, name="c2")], name="deep")
        first = layers.Conv2D(4, 3, name="c1")
        base = Sequential([layers.Input(shape), first, layers.BatchNormalization(), deep], name="base")
        image = layers.Input(shape)
        x = layers.GlobalAveragePooling2D()(base(image))
        return Model(image, layers.Dense(classes, activation="softmax")(x))
    """)
    assert [layer.name for layer in model.layers][1:4] == ["c1", "batch_normalization", "c2"]
    pruned = checks.prunable("mine", model)
    assert pruned == ["c1", "c2", "dense"]
    wrapped, _ = prune._wrap(model, 0.5, Schedule(2, 1), 4, False, pruned)
    assert [layer.name for layer in wrapped.layers if hasattr(layer, "pruning_vars")] == [
        f"prune_low_magnitude_{name}" for name in pruned
    ]


@pytest.mark.parametrize(
    ("network", "said"),
    [
        (Network(application="ResNet5"), "unknown network of keras.applications 'ResNet5': did you mean ResNet50"),
        (Network(application="VGG16", width=0.5), "VGG16 can't be made wider or narrower"),
        (Network(application="InceptionV3"), "Input size must be at least 75x75.*: change image_size"),
    ],
)
def test_an_application_that_can_not_be_is_one_line(network: Network, said: str) -> None:
    with pytest.raises(KitError, match=said):
        checked(network, shape=(32, 32, 3))


def test_the_kits_networks_take_images_of_any_size_and_any_number_of_classes() -> None:
    model = models.build("mobilenet_v3_small_minimalistic", 1, None, 2, (48, 48, 3))
    assert model.input_shape == (None, 48, 48, 3) and model.output_shape == (None, 2)
    with pytest.raises(KitError, match=r"MobileNetV3 Small: .*32.*: change image_size"):
        models.build("mobilenet_v3_small", 1, None, 2, (16, 16, 3))


def test_an_application_without_a_softmax_gets_one() -> None:
    model = checked(Network(application="RegNetX002"), shape=(32, 32, 3))
    assert [layer.name for layer in model.layers][-2:] == ["1head_dense", "probabilities"]


def test_an_application_takes_weights_but_for_another_classifier(tmp_path: Path) -> None:
    source = keras.applications.MobileNetV2((32, 32, 3), 0.35, weights=None, classes=7)
    source.save_weights(tmp_path / "w.h5")
    models.save_weights(source, tmp_path / "w.safetensors")
    conv().save_weights(tmp_path / "else.h5")
    first = source.get_layer("Conv1").kernel.numpy()

    def with_weights(name: str) -> Any:
        own = Network(application="MobileNetV2", width=0.35, weights=str(tmp_path / name))
        return models.build(
            architectures.get("mine", {"mine": networks.settled("mine", own, None)}), 2, None, 4, (32, 32, 3)
        )

    for name in ("w.h5", "w.safetensors"):
        model = with_weights(name)
        assert (model.get_layer("Conv1").kernel.numpy() == first).all()
        assert np.isfinite(model.get_layer("predictions").kernel.numpy()).all()
    with pytest.raises(KitError, match=r"else.h5 has no weights of architecture mine"):
        with_weights("else.h5")


def external(file: h5py.File, secret: Path) -> None:
    file.create_dataset("leak", (10,), "f4", external=[(secret, 0, 40)])


def virtual(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((10,), "f4")
    layout[:] = h5py.VirtualSource(secret, "weights", (10,))
    file.create_virtual_dataset("leak", layout)


def linked(file: h5py.File, secret: Path) -> None:
    file["leak"] = h5py.ExternalLink(secret, "/")


@pytest.mark.parametrize("name", ["w.h5", "w.weights.h5", "w.keras", "w.hdf5"])
@pytest.mark.parametrize("lead", [external, virtual, linked])
def test_weights_that_are_elsewhere_are_refused(tmp_path: Path, lead: Callable[..., None], name: str) -> None:
    (conv().save if name.endswith(".keras") else conv().save_weights)(tmp_path / name)
    file, inner = tmp_path / name, io.BytesIO()
    if name.endswith(".keras"):
        with zipfile.ZipFile(file) as archive:
            contents = {one: archive.read(one) for one in archive.namelist()}
        inner.write(contents["model.weights.h5"])
    with h5py.File(inner if name.endswith(".keras") else file, "r+") as opened:
        lead(opened, tmp_path / "secret")
    if name.endswith(".keras"):
        file.write_bytes(zipped(contents | {"model.weights.h5": inner.getvalue()}))
        with pytest.raises(KitError, match="'leak' in it leads elsewhere"):
            saved.load(file)
    network = Network(application="MobileNetV2", width=0.35, weights=str(file))
    with pytest.raises(KitError, match=f"{name} is refused: 'leak' in it leads elsewhere"):
        checked(network, shape=(32, 32, 3))


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_trained_network_keeps_its_weights(tmp_path: Path, suffix: str) -> None:
    model = conv()
    model.compile(keras.optimizers.Adam(1e-3), keras.losses.MeanSquaredError())
    model.save(tmp_path / f"mine.{suffix}")
    loaded = checked(Network(model=str(tmp_path / f"mine.{suffix}")))
    assert all((a == b).all() for a, b in zip(model.get_weights(), loaded.get_weights(), strict=True))


def lambdas(path: Path) -> None:
    model = keras.Sequential([layers.Input(SHAPE), layers.Lambda(lambda x: x + 1, name="sly")])
    model.save(path)


def changed(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """A file with something else in its configuration. `change` gets that by the names in a .keras file."""
    conv().save(path)
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            whole = {"config.json": json.loads(file.attrs["model_config"]), "metadata.json": {}}
            change(whole)
            file.attrs["model_config"] = json.dumps(whole["config.json"])
        return
    with zipfile.ZipFile(path) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    whole = {name: json.loads(contents[name]) for name in ("config.json", "metadata.json")}
    change(whole)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (contents | {name: json.dumps(value).encode() for name, value in whole.items()}).items():
            archive.writestr(name, content)


def layer(**values: Any) -> Callable[[dict[str, Any]], None]:
    """The convolution is said to be something else."""
    return lambda whole: whole["config.json"]["config"]["layers"][1].update(values)


def within(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """The convolution has another value at a key of its configuration."""
    return lambda whole: whole["config.json"]["config"]["layers"][1]["config"].update({key: value})


def called(function: str, kind: str = "TFOpLambda") -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": "s", "trainable": True, "dtype": "float32", "function": function}}


def one(kind: str, **values: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": "s"}, **values}


def function(name: str, **values: str) -> dict[str, Any]:
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"} | values


def keras_3(whole: dict[str, Any]) -> None:
    whole["metadata.json"]["keras_version"] = "3.5.0"


CODE = {
    "function": (within("activation", function("exec")), "layer 'conv2d' is a function exec"),
    "function of a module": (within("activation", function("get", module="requests")), "function get"),
    "function by its registered name": (
        within("activation", function("relu", module="os", registered_name="system")),
        "function relu",
    ),
    "module": (layer(module="os", class_name="Conv2D"), "layer 'conv2d' is a Conv2D"),
    "module of TensorFlow": (layer(module="tensorflow.python.keras.layers"), "layer 'conv2d' is a Conv2D"),
    "registered name": (layer(module="tf_keras.src.utils.data_utils", registered_name="get_file"), "is a Conv2D"),
    "registered class": (layer(module="keras", registered_name="Custom>SharpnessAwareMinimization"), "is a Conv2D"),
    "function of Keras": (layer(module="keras.layers", class_name="deserialize"), "is a deserialize"),
    "operation": (layer(**called("io.write_file")), "layer 's' is a TFOpLambda of io.write_file"),
    "slicing": (layer(**called("io.gfile.copy", "SlicingOpLambda")), "layer 's' is a SlicingOpLambda of io.gfile.copy"),
    "operation of a module": (layer(**called("nn.relu"), module="os"), "TFOpLambda of nn.relu"),
    "class method": (layer(**one("ClassMethod", module="tf_keras.src.layers.core.tf_op_layer")), "is a ClassMethod"),
    "initializer": (within("kernel_initializer", {"class_name": "Mine", "config": {}}), "layer 'conv2d' is a Mine"),
    "regularizer": (within("kernel_regularizer", one("L2", module="mine.regularizers")), "layer 's' is a L2"),
    "type": (within("kernel_constraint", {"class_name": "__typespec__", "spec_name": "x"}), "is a __typespec__"),
    "lambda": (within("activation", one("__lambda__")), "layer 's' is a __lambda__"),
    "wrapped": (layer(**one("TimeDistributed", config={"layer": one("Lambda")})), "layer 's' is a Lambda"),
    "nested": (layer(**one("Sequential", module="keras", config={"layers": [one("Lambda")]})), "layer 's' is a Lambda"),
    "constant": (layer(inbound_nodes=[["_CONSTANT_VALUE", -1, one("Lambda"), {}]]), "layer 's' is a Lambda"),
    "compiled": (layer(compile_config={"loss": function("eval")}), "function eval"),
    "file": (layer(**one("StringLookup", config={"name": "s", "vocabulary": "/etc/hostname"})), "is a StringLookup"),
    "activation by its name": (within("activation", "exec"), "can't be read as a network .*'exec'"),
    "initializer by its name": (within("kernel_initializer", "exec"), "can't be read as a network .*'exec'"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize(("change", "said"), CODE.values(), ids=CODE)
def test_a_file_that_brings_code_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, change: Callable[..., None], said: str
) -> None:
    keras.backend.clear_session()
    changed(tmp_path / f"bad.{suffix}", change)
    is_loaded = "can't be read" in said  # Keras refuses it
    if not is_loaded:
        monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("it was loaded"))
    with pytest.raises(KitError, match=said if is_loaded else f"{said}, which could run code of the file or read others"):
        saved.load(tmp_path / f"bad.{suffix}")


def test_a_file_of_another_keras_is_refused(tmp_path: Path) -> None:
    changed(tmp_path / "bad.keras", keras_3)
    with pytest.raises(KitError, match=r"was written by Keras 3.5.0, and pruning needs tf_keras"):
        saved.load(tmp_path / "bad.keras")


def test_slicing_copies_no_file(tmp_path: Path) -> None:
    """Keras calls a function with constants while it loads a network."""
    (tmp_path / "secret").touch()
    inbound = ["_CONSTANT_VALUE", -1, str(tmp_path / "secret"), {"dst": str(tmp_path / "copy"), "overwrite": True}]
    sly = called("io.gfile.copy", "SlicingOpLambda") | {"name": "s", "inbound_nodes": [inbound]}
    image = layers.Input(SHAPE)
    keras.Model(image, layers.Conv2D(4, 3)(image)).save(tmp_path / "bad.h5")
    with h5py.File(tmp_path / "bad.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"].append(sly)
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(KitError, match=r"layer 's' is a SlicingOpLambda of io.gfile.copy, which could run code"):
        saved.load(tmp_path / "bad.h5")
    assert not (tmp_path / "copy").exists()


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_what_networks_are_made_of_is_loaded(tmp_path: Path, suffix: str) -> None:
    image = layers.Input(SHAPE)
    options = {"kernel_initializer": keras.initializers.HeNormal(3), "kernel_regularizer": keras.regularizers.L2(1e-3)}
    x = layers.Conv2D(4, 3, activation=layers.LeakyReLU(), kernel_constraint="max_norm", **options)(image)
    x = tf.nn.relu6(x[:, 1:, 1:-1, :] + 1.0)
    x = keras.Sequential([layers.Input(x.shape[1:]), layers.Conv2D(3, 3, activation=keras.activations.swish)])(x)
    x = layers.TimeDistributed(layers.Dense(3))(layers.Rescaling(1 / 255)(tf.cast(x, tf.float32)))
    x = layers.Bidirectional(layers.LSTM(3))(layers.Reshape((-1, 3))(x))
    model = keras.Model(image, layers.Dense(3, "softmax", dtype=keras.mixed_precision.Policy("float32"))(x))
    model.save(tmp_path / f"good.{suffix}")
    assert saved.load(tmp_path / f"good.{suffix}").count_params() == model.count_params()


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_a_lambda_is_refused(tmp_path: Path, suffix: str) -> None:
    lambdas(tmp_path / f"bad.{suffix}")
    with pytest.raises(KitError, match="layer 'sly' is a Lambda, which could run code of the file"):
        saved.load(tmp_path / f"bad.{suffix}")


def test_what_is_loaded_is_what_was_checked(tmp_path: Path) -> None:
    lambdas(tmp_path / "both.h5")
    with zipfile.ZipFile(tmp_path / "both.h5", "a") as archive:
        archive.writestr("metadata.json", '{"keras_version": "2.21.0"}')
        archive.writestr("config.json", "{}")
    with pytest.raises(KitError, match=r"both.h5 can't be read as a network \(it is a ZIP, as only a .keras file is\)"):
        saved.load(tmp_path / "both.h5")
    conv().save(tmp_path / "plain.h5")
    (tmp_path / "plain.h5").rename(tmp_path / "plain.keras")
    with pytest.raises(KitError, match=r"plain.keras can't be read as a network \(it is no ZIP, as a .keras file is\)"):
        saved.load(tmp_path / "plain.keras")


def test_a_file_that_leads_elsewhere_or_nowhere_is_refused(tmp_path: Path) -> None:
    conv().save(tmp_path / "bad.h5")
    with h5py.File(tmp_path / "bad.h5", "r+") as file:
        file["link"] = h5py.ExternalLink("/etc/passwd", "/")
    with pytest.raises(KitError, match="'link' in it leads elsewhere"):
        saved.load(tmp_path / "bad.h5")
    conv().save_weights(tmp_path / "weights.h5")
    with pytest.raises(KitError, match="has weights, but no network"):
        saved.load(tmp_path / "weights.h5")
    for content in (b"", b"\x89HDF\r\n\x1a\n" + bytes(40), zipped({"metadata.json": b"[]", "config.json": b"{}"})):
        (tmp_path / "odd.keras").write_bytes(content)
        with pytest.raises(KitError, match="can't be read as a network"):
            saved.load(tmp_path / "odd.keras")


def zipped(contents: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return whole.getvalue()


def test_no_code_comes_from_a_runs_folder(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "my_net.py").write_text("raise SystemExit('it ran')\n")
    (tmp_path / "link.py").symlink_to(tmp_path / "run" / "my_net.py")
    for build in ("run/my_net:build", "link:build"):
        network = Network(build=f"{tmp_path}/{build}")
        with pytest.raises(KitError, match="in a run's folder"):
            networks.settled("mine", network, tmp_path / "run")


def test_a_file_that_changed_since_is_not_built(tmp_path: Path) -> None:
    (tmp_path / "my_net.py").write_text(HEAD + textwrap.indent(PLAIN, "    "))
    network = networks.settled("mine", Network(build=f"{tmp_path}/my_net:build"), None)
    (tmp_path / "my_net.py").write_text("raise SystemExit('it ran')\ndef build(shape, classes): ...\n")
    with pytest.raises(KitError, match="have changed or are gone"):
        models.build(architectures.get("mine", {"mine": network}), 1, None, CLASSES, SHAPE)


def test_two_networks_may_import_files_of_the_same_name(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name / "parts").mkdir(parents=True)
        (tmp_path / name / "parts" / "head.py").write_text(f"NAME = {name!r}\n")
        code = "from parts import head\n" + PLAIN.strip().replace("Dense(classes", "Dense(classes, name=head.NAME")
        (tmp_path / name / "my_net.py").write_text(HEAD + textwrap.indent(code, "    "))
        assert checked(Network(build=f"{tmp_path / name}/my_net:build")).layers[-1].name == name


def test_an_error_in_an_imported_file_names_that_file(built: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "head.py").write_text("def head():\n    return 1 / 0\n")
    with pytest.raises(KitError, match=r"head.py, line 2: ZeroDivisionError: division by zero: correct .*head.py"):
        built("import head\nreturn head.head()")


def test_balanced_classes_count_the_same() -> None:
    from kit.datasets.splits import Split
    from kit.stages.tensorflow.loop import Plan, _compile

    keras.utils.set_random_seed(1)
    model = conv()
    images = np.random.default_rng(1).integers(0, 256, (8, *SHAPE), np.uint8)
    labels = np.array([0, 0, 0, 0, 0, 0, 0, 3], np.uint16)
    split = Split(images, labels)
    assert len(split) == 8
    plan = Plan(1, 8, 0.0, 0.0, 0.0, 1, 1 / 255, 0.0, "tensorflow", class_weights=(2.0, 1.0, 1.0, 14.0))
    optimizer = keras.optimizers.legacy.RMSprop(0.0)
    optimizer._create_all_weights(model.trainable_weights)
    step, measure = _compile(model, optimizer, plan, labels.dtype)
    probabilities = model(images / np.float32(255)).numpy()[np.arange(8), labels]
    weights = np.array([2.0] * 7 + [14.0])
    assert float(step(images, labels)[0]) == pytest.approx(float((-np.log(probabilities) * weights).mean()), rel=1e-4)
    assert float(measure(images, labels)[0]) == pytest.approx(float(-np.log(probabilities).mean()), rel=1e-4)
