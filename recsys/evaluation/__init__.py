"""Metrics per user, comparisons with intervals, and the report."""
