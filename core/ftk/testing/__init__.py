"""For the authors of plugins: the checks of `ftk plugins check`, and what tests of a plugin need."""
