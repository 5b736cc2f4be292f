"""Task heads: classes of texts and tags of words, on the same encoders."""
