"""Masked language models: the base encoder learns the shop's words, and answers prompts."""
