"""The cross-encoder: history and candidate read together."""
