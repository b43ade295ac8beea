"""Tests of `relaydesk`, one module per module."""
