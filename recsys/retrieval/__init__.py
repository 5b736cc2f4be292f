"""Text vectors, the index, behavioural models and candidates."""
