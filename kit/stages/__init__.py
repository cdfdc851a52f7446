"""The stages a cell goes through: train, prune, convert, evaluate."""
