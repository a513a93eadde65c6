"""The pixel baseline: a rule-based reference behind an OpenAI-compatible endpoint, not a model."""
