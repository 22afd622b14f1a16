"""The page and its JSON. All of these check CSRF through Django's middleware."""

import json
import mimetypes

from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY, aauthenticate, alogin, alogout
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.http import Http404, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.views.decorators.http import require_GET, require_POST

from channels_demo.auth import policy
from channels_demo.consumers import notify
from shared import tokens
from shared.people import PAGE

PAGES = {file.name: file for file in PAGE.iterdir()}


@require_GET
async def page(request, name="index.html"):
    """Serve the page's files. A real project leaves this to its web server or to whitenoise."""
    if name not in PAGES:
        raise Http404
    return HttpResponse(PAGES[name].read_bytes(), content_type=mimetypes.guess_type(name)[0])


def refuse(status, detail):
    return JsonResponse({"detail": detail}, status=status)


def body(request):
    """Return the JSON object of a request, or an empty one."""
    try:
        found = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@sync_to_async
def state(request):
    user = request.user
    dashboard = user.has_perm("channels_demo.see_dashboard")
    known = {"name": user.username, "subject": str(user.pk), "dashboard": dashboard} if user.is_authenticated else None
    return JsonResponse({"framework": "Django Channels", "user": known, "csrf": get_token(request)})


@require_GET
async def me(request):
    return await state(request)


@require_GET
async def whoami(request):
    user = await request.auser()
    return JsonResponse({"username": user.username or None})


@require_POST
async def login(request):
    form = body(request)
    user = await aauthenticate(request, username=form.get("username"), password=form.get("password"))
    if user is None:
        return refuse(401, "wrong password, or an inactive account")
    await alogin(request, user)
    return await state(request)


@require_POST
async def logout(request):
    await alogout(request)
    return await state(request)


def delete_sessions(user):
    """Delete every session of a user: the next request of any browser is nobody's. Django does not index them by user."""
    for session in Session.objects.all():
        if session.get_decoded().get(SESSION_KEY) == str(user.pk):
            session.delete()


@require_POST
async def logout_everywhere(request):
    user = await request.auser()
    if not user.is_authenticated:
        return refuse(401, "log in first")
    await sync_to_async(delete_sessions)(user)  # first: a page that comes back at once must not find its session
    receipt = await policy.connections.revoke(subject=str(user.pk))
    await alogout(request)
    return JsonResponse({"closed": receipt.closed})


async def ordered(request):
    """Mint a demo token for oneself, or for dave, whose account is inactive. Returns None for anything else."""
    form = body(request)
    user = await request.auser()
    kind, lifetime = form.get("kind", "access"), form.get("lifetime", 600)
    if not user.is_authenticated or kind not in tokens.KINDS or lifetime not in tokens.LIFETIMES:
        return None
    if form.get("of") == "dave":
        user = await User.objects.aget(username="dave")
    return tokens.mint(str(user.pk), kind, lifetime)


@require_POST
async def token(request):
    minted = await ordered(request)
    return JsonResponse({"token": minted}) if minted else refuse(401, "log in first")


COOKIE = {"path": "/ws", "samesite": "Strict"}


@require_POST
async def token_cookie(request):
    minted = await ordered(request)
    if not minted:
        return refuse(401, "log in first")
    response = HttpResponse(status=204)
    response.set_cookie("access_token", minted, httponly=True, max_age=900, **COOKIE)
    return response


@require_POST
async def clear_token_cookie(request):
    response = HttpResponse(status=204)
    response.delete_cookie("access_token", **COOKIE)
    return response


@require_POST
async def wave(request):
    user = await request.auser()
    if not user.is_authenticated:
        return refuse(401, "log in first")
    to = await User.objects.filter(username=body(request).get("to")).afirst()
    if to is None:
        return refuse(404, "nobody of that name")
    await notify(to, kind="wave", sender=user.username)
    return HttpResponse(status=204)
