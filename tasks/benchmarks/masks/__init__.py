"""The sets that ask for masks."""
