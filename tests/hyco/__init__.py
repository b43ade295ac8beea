"""Tests of `hyco`, one module per module."""
