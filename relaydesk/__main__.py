"""``python -m relaydesk``: the same as the command ``relaydesk``."""

from .cli import main

if __name__ == "__main__":
    main()
