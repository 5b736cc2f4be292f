"""Bases: where a pretrained encoder comes from, how it is taken apart, and how one is written for others to read."""
