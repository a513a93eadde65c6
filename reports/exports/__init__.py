"""Runs in the forms of other evaluation tools and of public collections."""
