from datetime import timedelta

from django.contrib.auth.models import Permission, User
from django.core.management.base import BaseCommand
from django.utils import timezone

from channels_demo.models import Message, Room
from shared.people import PEOPLE, ROOMS


class Command(BaseCommand):
    help = "Create the demo's people and rooms, unless they exist."

    def handle(self, *args, **options):
        if User.objects.exists():
            return
        for seed in PEOPLE:
            self.create_person(seed)
        for seed in ROOMS:
            self.create_room(seed)

    def create_person(self, seed):
        user = User.objects.create_user(
            seed["name"], password=seed["password"], is_active=seed["active"], is_staff=seed["dashboard"]
        )
        if seed["dashboard"]:
            user.user_permissions.add(Permission.objects.get(codename="see_dashboard"))

    def create_room(self, seed):
        room = Room.objects.create(slug=seed["slug"], about=seed["about"])
        room.members.set(User.objects.filter(username__in=seed["members"]))
        for age, (author, text) in enumerate(reversed(seed["history"]), start=1):
            at = timezone.now() - timedelta(minutes=4 * age)
            Message.objects.create(room=room, author=User.objects.get(username=author), text=text, sent_at=at)
