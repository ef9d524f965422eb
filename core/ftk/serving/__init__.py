"""Servers of runs: described where the run lives, started, watched and talked to from any machine."""
