"""Dataset formats, and the stage that turns rows into tokens."""
