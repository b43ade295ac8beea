"""Whole paths, ours beside those of the peers: from a local port through a relay to a service. See docs/performance.md."""
