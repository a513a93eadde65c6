"""Readers of the sets that ask for masks."""
