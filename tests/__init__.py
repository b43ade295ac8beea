"""The tests; one folder per package, and tests/conftest.py with what holds for all of them."""
