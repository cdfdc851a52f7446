"""What a preset says, setting by setting."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from kit.study.datasets import OwnDataset


class Training(Struct, frozen=True, forbid_unknown_fields=True):
    """How a network is trained. The learning rate falls linearly, step by step, to 0 at the last epoch.

    `validation_images` are held out of the training set to select the best epoch; 0 selects on the *test* set, as the
    study did. `batch_norm_momentum` replaces the architecture's own if a run is too short for that. `training_ops` are
    the operations that train and prune: the kit's compiled ones, or TensorFlow's, which differ in the last bits.
    `mobilenet_v3_input` is what MobileNetV3's own first layer scales pixels of 0 to 255 to: TensorFlow changed it from 0..1
    to -1..1 in version 2.5, after the study. With `class_weights` "balanced" the images of a rare class count more in the
    loss, so that all classes count the same.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    patience_epochs: int
    validation_images: int
    learning_rates: dict[str, float] = field(default_factory=dict)
    batch_norm_momentum: float | None = None
    mobilenet_v3_input: Literal["-1..1", "0..1"] = "-1..1"
    training_ops: Literal["compiled", "tensorflow"] = "compiled"
    class_weights: Literal["none", "balanced"] = "none"


class Rates(Struct, frozen=True, forbid_unknown_fields=True):
    """A learning rate that falls linearly, step by step, from the first to the final one."""

    learning_rate: float
    final_learning_rate: float


class Schedule(Struct, frozen=True, forbid_unknown_fields=True):
    """A gradual pruning (Zhu & Gupta 2017): `steps` mask updates, evenly spread over `epochs`."""

    steps: int
    epochs: int


class Pruning(Struct, frozen=True, forbid_unknown_fields=True):
    """How a trained network is pruned. `schedules` has one entry per nominal sparsity in percent, as text.

    `rates` has the architectures that are pruned at learning rates of their own.
    `depthwise` also prunes depthwise kernels, which tfmot leaves alone (and the study, by that, did too).
    """

    batch_size: int
    learning_rate: float
    final_learning_rate: float
    momentum: float
    schedules: dict[str, Schedule]
    rates: dict[str, Rates] = field(default_factory=dict)
    depthwise: bool = False

    def rates_of(self, architecture: str) -> Rates:
        return self.rates.get(architecture, Rates(self.learning_rate, self.final_learning_rate))


class Quantization(Struct, frozen=True, forbid_unknown_fields=True):
    """`calibration_images` training images are the representative dataset: the first in canonical order, or in the order in
    which the data set is published, as the study took them. A run whose archive has another order gets "canonical".
    """

    calibration_images: int
    calibration_order: Literal["canonical", "official"] = "canonical"


class Audit(Struct, frozen=True, forbid_unknown_fields=True):
    """How int8 is audited: how many of the worst layers are left in float, in turn, and into how many sections the network
    is cut, each of which is left in float alone."""

    worst_layers: tuple[int, ...] = (1, 2, 4, 8)
    sections: int = 8


class Bench(Struct, frozen=True, forbid_unknown_fields=True):
    """How latency and peak memory are measured at the end of a run: one of the protocols in `kit/study/protocols.py`."""

    protocol: str


class Network(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A network that is not one of the kit's seven: a function that builds it, a file with a trained one, or the name of one
    of `keras.applications`.

    `build` is `module:function`, of a file in the preset's folder; it gets a shape and a number of classes. `model` is a
    .keras or .h5 file that `tf_keras` wrote. `width` scales the channels of an application that can. `weights` is a file to
    begin with, for `build` and `application`. Pixels of 0 to 255 are scaled to `input`. The kit adds `sha256`, over the
    content of the files: those of another content make another network.
    """

    build: str = ""
    model: str = ""
    application: str = ""
    width: float = 1.0
    weights: str = ""
    input: Literal["0..255", "0..1", "-1..1"] = "0..255"
    sha256: str = ""

    @property
    def is_trained(self) -> bool:
        return bool(self.model)


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """All that decides a run: the grid, the data set, and the protocol of each stage.

    Each of `seeds` is a training of its own. `threads` is the number of threads of one training process: results depend on
    it, so it is part of the protocol. Without `audit` int8 is audited on demand only. `networks` are those `architectures`
    that are the user's own; a preset's file has them as tables, `[architectures.NAME]`.
    """

    name: str
    dataset: str | OwnDataset
    architectures: tuple[str, ...]
    sparsities: tuple[int, ...]
    precisions: tuple[str, ...]
    training: Training
    pruning: Pruning
    quantization: Quantization
    bench: Bench
    extra_architectures: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (1,)
    threads: int = 1
    audit: Audit | None = None
    networks: dict[str, Network] = field(default_factory=dict)
