"""Rows on their way to token ids and labels, the same for every engine."""
