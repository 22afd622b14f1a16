"""Ending what was admitted: the live connections, and what has been revoked."""
