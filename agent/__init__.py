"""The listener's and the sender's side of hybrid connections, on asyncio, without a window."""
