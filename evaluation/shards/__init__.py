"""One run asked by several processes: which part is whose, and how the parts come together."""
