"""Deciding who may connect: values and pure rules. The standard library only; no asyncio, no clock, no framework."""
