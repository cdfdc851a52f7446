"""What one takes away: a model with all that it needs to be used elsewhere, and its predictions for pictures."""
