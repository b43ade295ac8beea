"""Measurements of the gateway beside other relays, in one run: ``make bench``. See docs/performance.md."""
