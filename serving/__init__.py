"""The door: online ranking over one bundle."""
