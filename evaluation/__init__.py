"""What a program calls: selection, run folder, evaluate, score; prints nothing."""
