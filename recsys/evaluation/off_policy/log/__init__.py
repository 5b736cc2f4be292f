"""A policy log as arrays, what its places earned, and why it may tell nothing."""
