"""An engine of ftk that learns rows by heart in no time: for tests, and as an example of an engine.

`plugin.py` holds the hooks, which ftk's light driver calls. `__main__.py` holds the commands, which do the work in
processes of their own; a real engine would import its heavy libraries there.
"""
