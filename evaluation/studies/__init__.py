"""What is asked of several runs: which rank, how much data, against what was published."""
