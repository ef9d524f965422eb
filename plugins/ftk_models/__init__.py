"""Base models: where they come from, and what makes them ready to be trained."""
