"""From the teacher to a student that is small enough to serve."""
