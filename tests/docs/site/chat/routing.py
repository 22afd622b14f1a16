"""What an application's own routing.py holds."""

from channels.generic.websocket import AsyncWebsocketConsumer
from django.urls import path


class ChatConsumer(AsyncWebsocketConsumer): ...


websocket_urlpatterns = [path("chat/", ChatConsumer.as_asgi())]
