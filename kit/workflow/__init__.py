"""Which stages are stale, in which order they run, and the processes that run them."""
