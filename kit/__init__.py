"""A reproducibility kit for a study of quantization and pruning of mobile CNNs."""

__version__ = "0.1.0"
