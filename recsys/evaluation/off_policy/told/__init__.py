"""Policies that a file tells: their probabilities of a log's lists, and what lists of theirs would earn."""
