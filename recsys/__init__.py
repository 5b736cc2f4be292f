"""A recommender whose text encoder is trained on the shop's own log."""

__version__ = "0.1.0"
