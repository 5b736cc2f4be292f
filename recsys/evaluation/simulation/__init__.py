"""Worlds whose truth is known: what a policy earns there is worked out, and estimates are held against it."""
