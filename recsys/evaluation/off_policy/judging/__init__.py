"""From a log and policies to what can be said of them."""
