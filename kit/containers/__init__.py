"""The kit's images: built, described, packed for a host."""
