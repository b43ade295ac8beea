"""Fakes and tools that tests share."""
