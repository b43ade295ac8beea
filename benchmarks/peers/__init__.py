"""Other people's relays: brought from the package registries into a cache folder, and started beside ours."""
