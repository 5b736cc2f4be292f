"""The stages: arguments and artifacts in, one library call, artifacts out."""
