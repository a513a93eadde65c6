"""What is behind `export`: a run for the forms of other tools."""
