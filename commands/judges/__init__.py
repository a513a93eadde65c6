"""Commands that ask judges, models and people."""
