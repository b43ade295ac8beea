"""What is seen: widgets only. What they show is decided in ``models/``, what they do by ``actions``."""
