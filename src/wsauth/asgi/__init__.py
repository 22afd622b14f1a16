"""Enforcing a policy on ASGI: messages, tasks and time. No framework."""
