"""Other people's clients and servers, unmodified, against ours."""
