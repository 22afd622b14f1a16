from django.conf import settings
from django.db import models


class Room(models.Model):
    """A room that only its members may enter."""

    slug = models.SlugField(unique=True)
    about = models.CharField(max_length=80)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="rooms")

    class Meta:
        permissions = (("see_dashboard", "Can see the live dashboard"),)

    def __str__(self):
        return self.slug


class Message(models.Model):
    room = models.ForeignKey(Room, on_delete=models.CASCADE, related_name="messages")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.CharField(max_length=500)
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ("sent_at",)

    def __str__(self):
        return self.text

    def as_frame(self):
        return {"author": self.author.username, "text": self.text, "at": self.sent_at.timestamp()}
