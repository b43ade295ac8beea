"""The gateway of this computer: as a child process, and what can be changed on it. No Qt."""
