"""What a run stores and how: records, bundles, and where each number comes from."""
