"""What is kept of each stage, and how it is kept: records, hashes, atomic writes, provenance, statistics."""
