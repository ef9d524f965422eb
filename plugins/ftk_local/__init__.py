"""Runs on this machine: folders and processes."""
