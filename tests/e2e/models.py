"""Models that tell digits apart, made in seconds: random weights whose last layer is solved for instead of trained.

    python models.py FOLDER

Writes seven architectures, float32 and int8, as .tflite files, and 200 test images of the digits as images.npy.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from kit.pipeline import backend, models
from kit.pipeline.backend import keras, tf
from kit.pipeline.dataset import load, prepare
from kit.pipeline.tflite import to_tflite
from kit.study.architectures import ARCHITECTURES, Architecture


def main(folder: Path) -> None:
    backend.configure(1)
    prepare(folder, "digits")
    data = load(folder, "digits")
    np.save(folder / "images.npy", data.test.images[:200])
    for known in ARCHITECTURES.values():
        inputs = scaled(data.train.images[:600], known)
        model = fitted(known, inputs, data.train.labels[:600])
        for precision in ("float32", "int8"):
            (folder / f"{known.name}-{precision}.tflite").write_bytes(to_tflite(model, precision, inputs[:100]))


def scaled(images: Any, known: Architecture) -> Any:
    return (images * known.input_scale + known.input_offset).astype(np.float32)


def fitted(known: Architecture, inputs: Any, labels: Any) -> Any:
    """Batch norms take over the statistics of `inputs`; the layer that gives ten numbers gets a ridge regression."""
    model = models.build(known.name, seed=1, batch_norm_momentum=0.0)
    model(tf.constant(inputs), training=True)
    last = next(layer for layer in reversed(model.layers) if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense))
    features = keras.Model(model.input, last.input).predict(inputs, verbose=0).reshape(len(inputs), -1).astype(np.float64)
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-3 * features.std()
    x = (features - mean) / deviation
    wanted = 12 * (np.eye(10)[labels] - 0.1)
    solved = np.linalg.solve(x.T @ x + 100 * np.eye(x.shape[1]), x.T @ wanted) / deviation[:, None]
    kernel, bias = last.get_weights()
    last.set_weights([solved.reshape(kernel.shape), (-mean @ solved).reshape(bias.shape)])
    return model


if __name__ == "__main__":
    main(Path(sys.argv[1]))
