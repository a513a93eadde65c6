"""Asking a judge about answers, and what its verdicts are worth."""
