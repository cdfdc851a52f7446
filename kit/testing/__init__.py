"""Emulated hardware, for the kit's own tests and for trying it out."""
