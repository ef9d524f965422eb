"""`python -m ftk` is `ftk`."""

from ftk.cli import main

main()
