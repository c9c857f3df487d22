"""`python -m suite`: the command line `odyssey`."""

from suite.cli import main

main()
