"""From a log and item texts to typed, validated, time-aware tables."""
