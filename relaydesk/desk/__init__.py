"""What the desktop does when it is asked: sharing, connecting, inviting, keys, the bundled gateway. No Qt here."""
