"""What is documented is what is enforced: AsyncAPI 3 documents of an application's sockets.

Reads `wsauth.core` and `wsauth.policy`, and writes a dict. Knows no framework: walkers in the adapters fill the model.
"""

from wsauth.asyncapi.decorators import document_action, document_event, documented
from wsauth.asyncapi.document import document
from wsauth.asyncapi.linter import Finding, lint
from wsauth.asyncapi.model import Application, Channel, Example, Message, Operation, Parameter, Server
from wsauth.asyncapi.text import to_json, to_yaml

__all__ = [
    "Application",
    "Channel",
    "Example",
    "Finding",
    "Message",
    "Operation",
    "Parameter",
    "Server",
    "document",
    "document_action",
    "document_event",
    "documented",
    "lint",
    "to_json",
    "to_yaml",
]
