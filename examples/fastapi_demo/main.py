"""The application: pages and JSON over HTTP, and the sockets behind their policies."""

import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel
from starlette.middleware.sessions import SessionMiddleware

from fastapi_demo import auth, people
from fastapi_demo.sockets import notify, sockets
from shared import tokens
from shared.headers import SecurityHeaders
from shared.people import PAGE
from wsauth import WebSocketAuthMiddleware
from wsauth.starlette import asyncapi_router


class Login(BaseModel):
    username: str
    password: str


class TokenOrder(BaseModel):
    kind: str = "access"
    lifetime: int = 600
    of: str = ""


class Wave(BaseModel):
    to: str


def person(request: Request) -> people.Person:
    found = people.by_session(request.session)
    if found is None:
        raise HTTPException(401, "log in first")
    return found


def same_page(request: Request, x_csrftoken: Annotated[str, Header()] = "") -> None:
    """Refuse a POST that another site's page made: it cannot know the value in our session."""
    expected = request.session.get("csrf", "")
    if not expected or not secrets.compare_digest(x_csrftoken.encode(), expected.encode()):
        raise HTTPException(403, "CSRF token missing or wrong")


Me = Annotated[people.Person, Depends(person)]
app = FastAPI(openapi_url=None)
post = {"dependencies": [Depends(same_page)]}


@app.get("/api/me")
def me(request: Request):
    found = people.by_session(request.session)
    user = found and {"name": found.name, "subject": found.id, "dashboard": "dashboard" in found.permissions}
    csrf = request.session.setdefault("csrf", secrets.token_urlsafe(16))
    return {"framework": "FastAPI", "user": user, "csrf": csrf}


@app.post("/api/login", **post)
def login(request: Request, form: Login):
    found = people.by_password(form.username, form.password)
    if found is None:
        raise HTTPException(401, "wrong password, or an inactive account")
    request.session.clear()
    request.session.update(user_id=found.id, login=found.logins)
    return me(request)


@app.post("/api/logout", **post)
def logout(request: Request):
    request.session.clear()
    return me(request)


@app.post("/api/logout-everywhere", **post)
async def logout_everywhere(request: Request, me: Me):
    me.logins += 1
    receipt = await auth.policy.connections.revoke(subject=me.id)
    request.session.clear()
    return {"closed": receipt.closed}


def ordered(order: TokenOrder, me: Me) -> str:
    """Mint a demo token for oneself, or for dave, whose account is inactive."""
    subject = people.by_name("dave") if order.of == "dave" else me
    if order.kind not in tokens.KINDS or order.lifetime not in tokens.LIFETIMES:
        raise HTTPException(422, "no such token")
    return tokens.mint(subject.id, order.kind, order.lifetime)


Token = Annotated[str, Depends(ordered)]


@app.post("/api/token", **post)
def token(token: Token):
    return {"token": token}


@app.post("/api/token-cookie", status_code=204, **post)
def token_cookie(response: Response, token: Token):
    response.set_cookie("access_token", token, path="/ws", httponly=True, samesite="strict", max_age=900)


@app.post("/api/token-cookie/clear", status_code=204, **post)
def clear_token_cookie(response: Response):
    response.delete_cookie("access_token", path="/ws", httponly=True, samesite="strict")


@app.post("/api/wave", status_code=204, **post)
async def wave(me: Me, order: Wave):
    if people.by_name(order.to) is None:
        raise HTTPException(404, "nobody of that name")
    await notify(order.to, kind="wave", sender=me.name)


@app.get("/api/whoami")
def whoami(request: Request):
    found = people.by_session(request.session)
    return {"username": found and found.name}


app.include_router(
    asyncapi_router(
        auth.policy,
        title="wsauth demo",
        description="A chat on FastAPI. `POST /api/token` gives a token to whoever is logged in.",
        try_it_out=True,
        whoami="/api/whoami",
        transparent=[SecurityHeaders],
    )
)
policies = {"/ws": auth.policy, "/ws/tokens": auth.tokens_only, "/ws/first": auth.first_message}
for prefix, policy in policies.items():
    for path, socket in sockets.items():
        app.mount(prefix + path, WebSocketAuthMiddleware(socket, policy))
app.mount("/", StaticFiles(directory=PAGE, html=True))
app.add_middleware(SessionMiddleware, secret_key=auth.SESSION_KEY, same_site="lax")
app.add_middleware(SecurityHeaders)
