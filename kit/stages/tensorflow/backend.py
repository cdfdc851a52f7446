"""TensorFlow, imported the one way that makes results repeatable. Import it from here only, and only in a stage's body."""

from __future__ import annotations

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tfmot does not work with Keras 3
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # its default depends on the processor, and the results with it
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # op determinism is only promised and tested on the CPU

import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

__all__ = ["configure", "keras", "tf", "tfmot"]


def configure(threads: int) -> None:
    """Make this process deterministic. Results depend on the number of threads, so it is fixed and recorded."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    # Dropout then draws from a generator that `fit` reseeds every epoch: a resumed epoch draws the same numbers.
    keras.backend.experimental.enable_tf_random_generator()
