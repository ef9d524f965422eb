"""Loggers: each one follows the events of a run in a process of its own, beside the driver."""
