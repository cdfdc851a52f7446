"""Whether training is byte-identical on processors with fewer instructions, as far as one machine can tell.

    python benchmarks/processors.py                       # two architectures, both kinds of training operations

Each line is the digest of all weights after three steps in a process of its own, which is told to leave instructions out:
the kit's operations by KIT_OPS_ISA, oneDNN's products inside TensorFlow by ONEDNN_MAX_CPU_ISA, the C library's by
GLIBC_TUNABLES. What cannot be hidden is the processor's cache, by whose size TensorFlow cuts its products into blocks.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from machine import machine

LESS = {
    "all instructions": {},
    "no AVX-512": {
        "KIT_OPS_ISA": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD",
    },
    "no AVX2, no FMA": {
        "KIT_OPS_ISA": "sse2",
        "ONEDNN_MAX_CPU_ISA": "AVX",
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-FMA,-FMA4",
    },
}


def main() -> None:
    if len(sys.argv) > 1:
        print(trained(*sys.argv[1:]))
        return
    print(machine())
    for name in ("mobilenet_v3_small", "efficientnet_b0"):
        for training_ops in ("compiled", "tensorflow"):
            for what, environment in LESS.items():
                command = [sys.executable, __file__, name, training_ops]
                done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True)
                print(f"{name:20}{training_ops:12}{what:18}{done.stdout.split()[-1][:16]}", flush=True)


def trained(name: str, training_ops: str) -> str:
    """SHA-256 of all weights after three steps of 4 images."""
    import numpy as np

    from kit.stages.tensorflow import backend, models
    from kit.stages.tensorflow.backend import keras, tf
    from kit.stages.tensorflow.loop import Plan, _compile

    backend.configure(threads=1)
    model = models.build(name, seed=1)
    optimizer = keras.optimizers.legacy.RMSprop(1e-3, momentum=0.9)
    optimizer._create_all_weights(model.trainable_weights)
    step, _ = _compile(model, optimizer, Plan(1, 4, 1e-3, 0.0, 0.9, 1, 1 / 127.5, -1.0, training_ops))
    random = np.random.default_rng(0)
    for _ in range(3):
        images, labels = random.integers(0, 256, (4, 32, 32, 3), np.uint8), random.integers(0, 10, 4, np.uint8)
        step(tf.constant(images), tf.constant(labels))
    return hashlib.sha256(b"".join(weight.numpy().tobytes() for weight in model.weights)).hexdigest()


if __name__ == "__main__":
    main()
