"""The desktop as people meet it: on a screen, with a tray, by pointer, keyboard and screen reader."""
