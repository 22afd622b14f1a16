from django.urls import path

from channels_demo import consumers, views
from wsauth.django.views import AsyncAPIDocView

urlpatterns = [
    path("api/me", views.me),
    path("api/login", views.login),
    path("api/logout", views.logout),
    path("api/logout-everywhere", views.logout_everywhere),
    path("api/token", views.token),
    path("api/token-cookie", views.token_cookie),
    path("api/token-cookie/clear", views.clear_token_cookie),
    path("api/wave", views.wave),
    path("asyncapi/", AsyncAPIDocView.as_view(try_it_out=True, info={"title": "The chat's sockets"})),
    path("", views.page),
    path("<str:name>", views.page),
]

sockets = [
    path("chat/<slug:slug>/", consumers.ChatConsumer.as_asgi()),
    path("notifications/", consumers.NotificationsConsumer.as_asgi()),
    path("dashboard/", consumers.DashboardConsumer.as_asgi()),
]
