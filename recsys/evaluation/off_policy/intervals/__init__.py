"""How far an estimate is to be trusted, users as the unit."""
