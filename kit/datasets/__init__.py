"""Data sets: read from their original format, checked by content, kept as one file."""
