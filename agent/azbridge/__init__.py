"""What azbridge, Microsoft's bridge over Azure Relay, has of its own. So far: its configuration, read."""
