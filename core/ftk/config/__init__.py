"""The config: read with the line of every key, checked against all that will read it, and resolved."""
