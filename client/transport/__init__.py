"""One HTTP connection pool per server: bytes out, an answer or a named failure back."""
