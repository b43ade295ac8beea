"""Tests of `gateway`, one module per module."""
