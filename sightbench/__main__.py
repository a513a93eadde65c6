"""`python -m sightbench`: the same as `sightbench`."""

from sightbench.commands.command import main

if __name__ == "__main__":
    main()
