"""Models as people have them elsewhere, one of each kind: `python foreign.py FOLDER`. The converter makes them."""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

FOLDER = Path(sys.argv[1])
OPS = tf.lite.OpsSet
KERNEL = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype("float32"))
TABLE = tf.constant(np.ones((50, 4), "float32"))


def write(name, function, *inputs, **options):
    made = tf.function(function).get_concrete_function(*inputs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([made])
    for key, value in options.items():
        setattr(converter, key, value)
    (FOLDER / f"{name}.tflite").write_bytes(converter.convert())


def spec(*shape, dtype=tf.float32, name=None):
    return tf.TensorSpec(shape, dtype, name=name)


def classifier(image):
    return tf.nn.softmax(tf.reduce_mean(tf.nn.conv2d(image, KERNEL, 1, "SAME"), [1, 2]))


def several(ids, mask):
    return tf.reduce_sum(tf.gather(TABLE, ids), 1), tf.cast(mask, tf.int32)


def forever(image):
    return tf.while_loop(lambda i, v: i < 10**12, lambda i, v: (i + 1, v * 1.0), [tf.constant(0, tf.int64), image])[1]


def images():
    return ([np.random.default_rng(seed).random((1, 8, 6, 3)).astype("float32")] for seed in range(5))


write("image", classifier, spec(1, 8, 6, 3))
write("anybatch", classifier, spec(None, 8, 6, 3))
write("batch", classifier, spec(4, 8, 8, 3))
write("open", classifier, spec(1, None, None, 3))
write("flat", tf.exp, spec(7))
write("number", tf.exp, spec())
write("several", several, spec(1, 5, dtype=tf.int32, name="ids"), spec(1, 5, dtype=tf.bool, name="mask"))
write("table", lambda ids: tf.gather(TABLE[:3], ids), spec(1, 5, dtype=tf.int64, name="ids"))
write("text", tf.identity, spec(1, dtype=tf.string, name="text"))
write("forever", forever, spec(1, 4))
write("custom", tf.math.erf, spec(1, 8, 6, 3), allow_custom_ops=True)
flex = tf.lite.TargetSpec(supported_ops=[OPS.TFLITE_BUILTINS, OPS.SELECT_TF_OPS])
write("flex", tf.math.erf, spec(1, 8, 6, 3), target_spec=flex)
for dtype in (tf.uint8, tf.int8):
    write(
        dtype.name,
        classifier,
        spec(1, 8, 6, 3),
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=images,
        target_spec=tf.lite.TargetSpec(supported_ops=[OPS.TFLITE_BUILTINS_INT8]),
        inference_input_type=dtype,
        inference_output_type=dtype,
    )
