"""The rows of the catalog, in modules named after the benchmarks."""
