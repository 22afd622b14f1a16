from django.urls import path, re_path

from channels_demo import consumers, views

urlpatterns = [
    path("api/me", views.me),
    path("api/login", views.login),
    path("api/logout", views.logout),
    path("api/logout-everywhere", views.logout_everywhere),
    path("api/token", views.token),
    path("api/token-cookie", views.token_cookie),
    path("api/token-cookie/clear", views.clear_token_cookie),
    path("api/wave", views.wave),
    path("", views.page),
    path("<str:name>", views.page),
]

WS = r"^ws/(?:tokens/|first/)?"
sockets = [
    re_path(WS + r"chat/(?P<slug>[\w-]+)/$", consumers.ChatConsumer.as_asgi()),
    re_path(WS + r"notifications/$", consumers.NotificationsConsumer.as_asgi()),
    re_path(WS + r"dashboard/$", consumers.DashboardConsumer.as_asgi()),
]
