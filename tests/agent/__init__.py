"""Tests of `agent`, one module per module."""
