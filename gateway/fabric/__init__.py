"""Who listens where, and how an accept or a request gets there."""
