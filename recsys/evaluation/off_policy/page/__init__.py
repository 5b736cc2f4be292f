"""The judgement as one page."""
