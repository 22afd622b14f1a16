"""One file per library that knows how to write its own types as JSON Schema. Each is imported when a payload needs it.

Every `schemas(payloads)` takes pairs of a payload and a direction, and returns the schemas in the same order and the named
ones that they refer to, with references of the form `#/components/schemas/<name>`.
"""
