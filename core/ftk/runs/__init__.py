"""A run, from its creation to its summary, inside its driver and seen from outside."""
