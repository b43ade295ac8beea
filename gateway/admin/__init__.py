"""The admin API: an HTTP application on a port of its own."""
