from django.urls import path, register_converter
from django.urls.converters import SlugConverter

from channels_demo import consumers, views
from wsauth.django.views import AsyncAPIDocView


class Room(SlugConverter):
    examples = ("general",)  # what the documentation proposes


register_converter(Room, "room")
documentation = AsyncAPIDocView.as_view(
    info={
        "title": "wsauth demo",
        "description": "A chat on Django Channels. `POST /api/token` gives a token to whoever is logged in.",
    },
    try_it_out=True,
    whoami="/api/whoami",
)

urlpatterns = [
    path("api/me", views.me),
    path("api/whoami", views.whoami),
    path("api/login", views.login),
    path("api/logout", views.logout),
    path("api/logout-everywhere", views.logout_everywhere),
    path("api/token", views.token),
    path("api/token-cookie", views.token_cookie),
    path("api/token-cookie/clear", views.clear_token_cookie),
    path("api/wave", views.wave),
    path("asyncapi/", documentation),
    path("", views.page),
    path("<str:name>", views.page),
]

sockets = [
    path("chat/<room:slug>/", consumers.ChatConsumer.as_asgi()),
    path("notifications/", consumers.NotificationsConsumer.as_asgi()),
    path("dashboard/", consumers.DashboardConsumer.as_asgi()),
]
