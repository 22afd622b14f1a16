"""Documents and pages of the dispatch project, in each of the ways to ask for one."""

from __future__ import annotations

from django.contrib.auth import alogout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import include, path

from project.dispatch import DispatchConsumer, NewsConsumer
from wsauth.django.views import AsyncAPIDocView, AsyncAPISpecView

BOTH = [(DispatchConsumer, "/ws/dispatch/"), (NewsConsumer, "/ws/news/")]


def refuse(request):
    return False


staff = AsyncAPISpecView.as_view(consumers=[NewsConsumer], allowed=lambda request: request.GET.get("staff") == "1")

old = [  # as django-channels-spectacular's users have it
    path("one/", AsyncAPIDocView.as_view()),
    path("one/asyncapi.yaml", AsyncAPISpecView.as_view(consumer=DispatchConsumer)),
    path("merged/asyncapi.yaml", AsyncAPISpecView.as_view(consumers=BOTH)),
    path(
        "switch/",
        AsyncAPIDocView.as_view(
            specs=[("Dispatch  /ws/dispatch/", "/old/d/asyncapi.yaml"), ("News  /ws/news/", "/old/n/asyncapi.yaml")]
        ),
    ),
    path("d/asyncapi.yaml", AsyncAPISpecView.as_view(consumer=DispatchConsumer, channel_path="/ws/dispatch/")),
    path("n/asyncapi.yaml", AsyncAPISpecView.as_view(consumer=NewsConsumer, channel_path="/ws/news/")),
]
urlpatterns = [
    path("old/", include(old)),
    path("asyncapi.json", AsyncAPISpecView.as_view()),
    path("asyncapi", AsyncAPISpecView.as_view()),
    path("docs/", AsyncAPIDocView.as_view(try_it_out=True, whoami="/me")),
    path("docs", AsyncAPIDocView.as_view()),
    path("url/", AsyncAPIDocView.as_view(spec_url="/asyncapi.json")),
    path(
        "classes/", AsyncAPIDocView.as_view(specs={"A": DispatchConsumer, "B": [NewsConsumer], "C": {"asyncapi": "3"}})
    ),
    path("news/", AsyncAPIDocView.as_view(consumer=NewsConsumer, info={"title": "News", "license": {"name": "MIT"}})),
    path("hidden/", AsyncAPIDocView.as_view(allowed=refuse)),
    path("staff.json", staff),
    path("login.json", login_required(AsyncAPISpecView.as_view())),
    path("of-others/", AsyncAPIDocView.as_view(specs={"staff": "/staff.json", "login": "/login.json"})),
    path("wrong/", AsyncAPIDocView.as_view(specs={"x": "/nowhere/"})),
    path("no-spec/", AsyncAPIDocView.as_view(spec_url="/plain/")),
    path("plain/", lambda request: HttpResponse("plain")),
    path("elsewhere.json", AsyncAPISpecView.as_view(servers={"prod": {"host": "ws.example.com", "pathname": "/x"}})),
    path("client.json", AsyncAPISpecView.as_view(perspective="client")),
    path("not-a-class.json", AsyncAPISpecView.as_view(consumers=["DispatchConsumer"])),
]


async def log_out(request):
    await alogout(request)
    return HttpResponse(status=204)


urlpatterns.append(path("log-out/", log_out))
