"""What is shown of several runs."""
