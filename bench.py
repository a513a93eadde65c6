"""The command from a checkout, installed or not: `python bench.py --help`."""

from sightbench.commands.command import main

if __name__ == "__main__":
    main()
