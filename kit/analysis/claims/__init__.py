"""The study's claims: one decider each, and the limits that they apply."""
