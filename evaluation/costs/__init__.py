"""What a run costs: before it, and when it is done."""
