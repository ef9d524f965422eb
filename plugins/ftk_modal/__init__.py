"""Runs in Modal's cloud: volumes, functions and images."""
