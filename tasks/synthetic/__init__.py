"""The procedural benchmark: short videos rendered here, with exactly known answers and masks."""
