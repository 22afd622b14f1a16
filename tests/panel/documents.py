"""Documents to show: the one of the site in `site.py`, and one that tries to be more than text."""

from __future__ import annotations

from typing import Any

from wsauth import Reason

SCHEMES: dict[str, Any] = {
    "session": {"type": "httpApiKey", "in": "cookie", "name": "sessionid", "x-wsauth-session": True},
    "cookieJWT": {"type": "httpApiKey", "in": "cookie", "name": "access_token"},
    "queryToken": {"type": "httpApiKey", "in": "query", "name": "token", "description": "From `POST /api/token/`."},
    "subprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "x-wsauth-subprotocol": {"marker": "bearer"},
    },
    "header": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "firstMessage": {
        "type": "apiKey",
        "in": "password",
        "x-wsauth-first-message": {"type": "auth", "field": "token", "deadline": 10.0},
    },
    "apiKey": {"type": "httpApiKey", "in": "query", "name": "api_key"},
}
OF_CHAT = ["session", "cookieJWT", "queryToken", "subprotocol", "header"]


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _channel(address: str, messages: list[str], **more: Any) -> dict[str, Any]:
    return {"address": address, "messages": {name: _ref("messages", name) for name in messages}, **more}


def _operation(action: str, channel: str, message: str, schemes: list[str], **more: Any) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
        **({"security": [_ref("securitySchemes", name) for name in schemes]} if schemes else {}),
        **more,
    }


def _message(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "payload": _ref("schemas", name), "contentType": "application/json", **more}


CODES = [
    {"code": reason.close_code, "reason": reason.name.lower(), "text": reason.text, "advice": reason.advice}
    for reason in Reason
    if reason is not Reason.FOREIGN_ORIGIN
]

DOCUMENT: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {
        "title": "Rooms",
        "version": "1.4.0",
        "description": "Chat rooms and live figures over WebSockets.\n\nEvery message is JSON with an `action` or a `type`.",
    },
    "servers": {"production": {"host": "rooms.example.com", "protocol": "wss"}},
    "channels": {
        "chat": _channel(
            "/ws/chat/{room}/",
            ["Say", "Typing", "Said", "Left"],
            title="Chat room",
            summary="Talk to everybody in one room",
            parameters={"room": {"description": "The room's short name", "default": "general"}},
            bindings={
                "ws": {
                    "query": {
                        "type": "object",
                        "properties": {
                            "token": {"type": "string"},
                            "lang": {"type": "string", "enum": ["en", "de"], "description": "Of system messages"},
                        },
                    }
                }
            },
        ),
        "first": _channel("/ws/first/", ["Say", "Said"], summary="The credential comes in the first message"),
        "admin": _channel("/ws/admin/", ["Figures"], summary="Live figures for administrators"),
        "closed": _channel("/ws/closed/", ["Figures"], summary="Refuses over HTTP only"),
        "open": _channel("/ws/open/", ["Say", "Said"], summary="An echo for everybody", **{"x-wsauth-unguarded": True}),
    },
    "operations": {
        "say": _operation(
            "receive",
            "chat",
            "Say",
            OF_CHAT,
            title="Say something",
            summary="Everybody in the room gets it.",
            reply={"messages": [{"$ref": "#/channels/chat/messages/Said"}]},
            tags=[{"name": "talk"}],
        ),
        "typing": _operation("receive", "chat", "Typing", OF_CHAT, title="Typing", **{"x-wsauth-deprecated": True}),
        "said": _operation("send", "chat", "Said", OF_CHAT, title="Somebody said something"),
        "left": _operation("send", "chat", "Left", OF_CHAT, title="Somebody left"),
        "firstSay": _operation("receive", "first", "Say", ["firstMessage"], title="Say something"),
        "firstSaid": _operation("send", "first", "Said", ["firstMessage"], title="Somebody said something"),
        "figures": _operation("send", "admin", "Figures", ["queryToken"], title="Live figures"),
        "closedFigures": _operation("send", "closed", "Figures", ["queryToken"], title="Live figures"),
        "echo": _operation("receive", "open", "Say", [], title="Say something"),
        "echoed": _operation("send", "open", "Said", [], title="Somebody said something"),
    },
    "components": {
        "securitySchemes": SCHEMES,
        "messages": {
            "Say": _message(
                "Say",
                title="Say something",
                examples=[{"name": "hello", "payload": {"action": "say", "text": "Hello, room!", "mentions": ["bob"]}}],
            ),
            "Typing": _message("Typing"),
            "Said": _message("Said", summary="Somebody's words, with who and when."),
            "Left": _message("Left"),
            "Figures": _message("Figures"),
        },
        "schemas": {
            "Say": {
                "type": "object",
                "properties": {
                    "action": {"const": "say"},
                    "text": {"type": "string", "minLength": 1, "maxLength": 500, "description": "What to say"},
                    "mentions": {"type": "array", "items": {"type": "string"}, "description": "Names to notify"},
                    "reply_to": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": None},
                },
                "required": ["action", "text"],
            },
            "Typing": {"type": "object", "properties": {"action": {"const": "typing"}}, "required": ["action"]},
            "Person": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "role": {"enum": ["member", "moderator"], "description": "What they may do"},
                    "friends": {"type": "array", "items": {"$ref": "#/components/schemas/Person"}},
                },
                "required": ["name"],
            },
            "Said": {
                "type": "object",
                "properties": {
                    "type": {"const": "said"},
                    "text": {"type": "string"},
                    "by": {"$ref": "#/components/schemas/Person", "description": "Who said it"},
                    "at": {"type": "string", "format": "date-time"},
                },
                "required": ["type", "text", "by"],
            },
            "Left": {
                "type": "object",
                "properties": {"type": {"const": "left"}, "name": {"type": "string"}},
                "required": ["type", "name"],
            },
            "Figures": {
                "type": "object",
                "properties": {"open": {"type": "integer", "minimum": 0}, "people": {"type": "integer"}},
                "required": ["open"],
            },
        },
    },
    "x-wsauth-close-codes": CODES,
    "x-wsauth-not-enforced": ["apiKey"],
}

MARKUP = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>\'"</pre>${7*7}{{7*7}}'


def hostile(value: Any = DOCUMENT, key: str = "") -> Any:
    """The same document with markup in every text that only people read, and more keys made of markup."""
    if isinstance(value, dict):
        return {name: hostile(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [hostile(item, key) for item in value]
    if isinstance(value, str) and key in ("title", "summary", "description", "version", "name", "text", "advice"):
        return value + MARKUP
    return value


BARE: dict[str, Any] = {
    "asyncapi": "3.0.0",
    "info": {"title": "Bare", "version": "1"},
    "channels": {"chat": {"address": "/ws/chat/general/"}},
}
TICKETS: dict[str, Any] = {
    **BARE,
    "servers": {"s": {"host": "x", "protocol": "ws", "security": [{"$ref": "#/components/securitySchemes/ticket"}]}},
    "components": {
        "securitySchemes": {
            "ticket": {"type": "httpApiKey", "in": "query", "name": "token", "x-wsauth-ticket": True},
        }
    },
}


def moving(address: str) -> dict[str, Any]:
    """A document whose channel and server try to lead the connection to another host."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Elsewhere", "version": "1"},
        "servers": {"evil": {"host": "evil.example", "protocol": "wss", "pathname": address}},
        "channels": {"chat": {"address": address}},
        "components": {
            "securitySchemes": {"h": {"type": "httpApiKey", "in": "header", "name": "X'; touch /tmp/hit; '$(id)\n"}}
        },
    }
