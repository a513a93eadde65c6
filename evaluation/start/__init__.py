"""Everything up to the first request."""
