"""Environments of engines: interpreters in which commands run, made once from committed locks and kept in the cache."""
