"""The embedded engine: transformers and peft."""
