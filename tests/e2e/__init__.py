"""Agent, gateway and target as a user runs them; one module per promise."""
