"""What an application's own consumers.py holds, a model among it: it cannot be imported before Django is set up."""

from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import User


class ChatConsumer(AsyncWebsocketConsumer):
    members = User.objects
