"""The HYbrid COnnections protocol: synchronous, without I/O, clock or randomness."""
