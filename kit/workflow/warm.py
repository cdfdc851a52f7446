"""Loads slow imports once, in the process that all workers are forked from. Imported only by name."""

import os


def _quietly_import_tensorflow() -> None:
    """TensorFlow writes lines about missing GPUs to the process's own stderr; they would break the live display."""
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        from kit.stages.tensorflow import loop, models, tflite  # noqa: F401
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


_quietly_import_tensorflow()
