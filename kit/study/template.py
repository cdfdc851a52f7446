"""The preset that `kit new` writes: one's own pictures and one's own network, with every number to be changed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import msgspec

from kit.errors import KitError, nearest
from kit.study.architectures import ARCHITECTURES
from kit.study.datasets import Found, OwnDataset
from kit.study.settings import Network

_TEXT = """\
# Written by `kit new`. Every setting is described in docs/format.md#presets; what isn't here has its default.
#
#   kit reproduce --preset {file} --dry-run     # what would run, and about how long
#   kit reproduce --preset {file}               # trains, prunes, converts, evaluates, measures, reports
name = {name}

# {count}
sparsities = [0, 50, 80]                 # percent; 0 is trained and not pruned
precisions = ["float32", "int8"]
seeds = [1]                              # each is a training of its own: [1, 2, 3] says how far chance goes
threads = 1                              # of a training process; results depend on it

[dataset]
{source}
image_size = {size:<28}# width and height that the network sees, pixels
test_share = {share:<28}# of each class, where test images are not given apart
split_seed = {seed:<28}# another one draws other test images

[architectures.{network}]
{origin}

[training]
epochs = {epochs}
batch_size = {batch}
learning_rate = {rate}
momentum = 0.9
patience_epochs = {epochs:<23}# stops early if no epoch was better for so long
validation_images = {validation:<21}# held out of the training images, to choose the best epoch
class_weights = {weights:<25}# "balanced": rare classes count as much as others
{momentum}
[pruning]                                # learns on while weights are set to 0
batch_size = {batch}
learning_rate = {low_rate}
final_learning_rate = {lowest_rate}
momentum = 0.9

[pruning.schedules]                      # by sparsity: how often weights are set to 0, over how many epochs
50 = {{ steps = {steps}, epochs = {some} }}
80 = {{ steps = {steps}, epochs = {more} }}

[quantization]
calibration_images = {calibration:<20}# training images that int8 takes the ranges of activations from

[bench]
protocol = "trial"                       # quick; "rigorous" for numbers to be published
"""


_MOMENTUM = "batch_norm_momentum = 0.9                # epochs are short: averages must keep up\n"
_ORIGINS = {
    "build": "a function(shape, classes) that returns a tf_keras model with a softmax at its end",
    "model": "trained already: the run begins with pruning it",
    "application": 'of keras.applications; may have width = 0.5, weights = "file.h5"',
}


def network(value: str) -> tuple[str, Network | None]:
    """The name of a network, and what it comes from unless it is one of the kit's: `module:function`, a .keras or .h5 file,
    or one of `keras.applications`. Raises KitError if it is none of these."""
    if value in ARCHITECTURES:
        return value, None
    if _kind(value) == "application" and not re.fullmatch(r"[A-Z]\w*", value):
        near = nearest(value, ARCHITECTURES)
        hint = f"did you mean {near[0]}? Else " if near else ""
        ways = "module:function of a file here, a .keras or .h5 file, one of keras.applications such as ResNet50"
        raise KitError(f"unknown network {value!r}", f"{hint}give {ways}, or one of {', '.join(ARCHITECTURES)}")
    stem = Path(value.partition(":")[0]).stem
    name = "".join(c if c.isascii() and (c.isalnum() or c in "_-") else "_" for c in stem).strip("_-").lower()
    return name if name and name not in ARCHITECTURES else f"my_{name}", msgspec.convert({_kind(value): value}, Network)


def _kind(value: str) -> str:
    return "build" if ":" in value else "model" if Path(value).suffix in (".keras", ".h5") else "application"


def _origin(value: str) -> str:
    """The lines of a network's table."""
    if value in ARCHITECTURES:
        return "# one of the kit's own: no settings"
    kind = _kind(value)
    lines = [
        f"# {_ORIGINS[kind]}",
        f"{kind} = {quoted(value)}",
        'input = "0..255"                         # what it wants pixels scaled to; or "0..1", "-1..1"',
    ]
    return "\n".join(lines)


def placed(source: OwnDataset, folder: Path) -> OwnDataset:
    """The data set with its path relative to a preset's folder."""
    key = "folder" if source.folder else "arrays"
    return msgspec.structs.replace(source, **{key: os.path.relpath(source.source, folder)})


def placed_network(value: str, folder: Path) -> str:
    """What `network` takes, with its path relative to a preset's folder; a name stays one."""
    if _kind(value) == "application":
        return value
    path, colon, function = value.partition(":")
    return os.path.relpath(path, folder) + colon + function


def quoted(text: str) -> str:
    """A string of TOML: JSON's are."""
    return json.dumps(text, ensure_ascii=True)


def preset(name: str, file: str, source: OwnDataset, found: Found, counts: tuple[int, ...], wanted: str) -> str:
    """The preset's text. `counts` are the training images by class, `wanted` is what `network` takes."""
    validation = min(5_000, max(1, found.train_images // 10)) if found.train_images > 1 else 0
    left = found.train_images - validation
    batch = max(1, min(32, left // 4))
    batches = -(-left // batch)
    epochs = max(5, min(40, round(20_000 / batches)))
    is_uneven = max(counts) >= 2 * min(counts)
    return _TEXT.format(
        name=quoted(name),
        file=file,
        count=f"{len(found.classes):,} classes, {found.train_images:,} training and {found.test_images:,} test images",
        source=f"{'folder' if source.folder else 'arrays'} = {quoted(source.source)}",
        size=source.image_size,
        share=source.test_share,
        seed=source.split_seed,
        network=network(wanted)[0],
        origin=_origin(wanted),
        epochs=epochs,
        batch=batch,
        rate="1e-3",
        low_rate="1e-4",
        lowest_rate="1e-5",
        validation=validation,
        weights=quoted("balanced" if is_uneven else "none"),
        momentum=""
        if batches >= 100
        else "batch_norm_momentum = 0.9                # epochs are short: averages must keep up\n",
        steps=2 if batches * 2 < 8 else 4,
        some=max(2, epochs // 5),
        more=max(3, epochs // 4),
        calibration=min(100, left),
    )
