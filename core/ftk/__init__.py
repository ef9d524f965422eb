"""ftk, the fine-tuning kit: one YAML and a data file in, a tuned and checked language model out."""

__version__ = "0.1.0"
