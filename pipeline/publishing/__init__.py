"""What happens to a packed dataset: checking it, and bringing it to its readers."""
