"""A project as one writes it for django-channels-spectacular: every shape that its README shows, with our imports."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Optional
from uuid import UUID

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from pydantic import BaseModel

from wsauth.django import document_action, document_event

OFFER = {"type": "courier.found", "job": "00000000-0000-0000-0000-000000000007", "name": "Ada", "minutes": 4}


@dataclass
class Order:
    address: str
    price: Decimal
    parcels: int
    remark: Optional[str] = None  # noqa: UP045 - as people write it


class Courier(BaseModel):
    job: UUID
    name: str
    minutes: int


def serializer():
    from rest_framework import serializers

    class TakeJobSerializer(serializers.Serializer):
        job = serializers.UUIDField()
        courier = serializers.UUIDField()

    return TakeJobSerializer


class DispatchConsumer(AsyncJsonWebsocketConsumer):
    """Jobs for couriers.

    More, which is for who reads the code.
    """

    async def connect(self):
        await self.accept()

    @document_action(
        summary="Order a courier",
        description="Starts the search.",
        payload=Order,
        responses={"courier.ordered": {"job": "uuid"}},
        tags=["jobs"],
        examples=[
            {
                "name": "Two parcels",
                "summary": "Paid in cash",
                "payload": {"action": "order_courier", "address": "Quay 1", "price": "9.50", "parcels": 2},
            }
        ],
    )
    async def handle_order_courier(self, content): ...

    @document_action(summary="Take a job", payload=serializer(), tags=["jobs"])
    async def handle_take_job(self, content): ...

    @document_action(action="ping", summary="Ask whether the line is alive")
    async def handle_ping(self, content): ...

    @document_action(summary="Call a courier off", deprecated=True)
    async def handle_call_off(self, content): ...

    @document_event(
        "courier.found", summary="A courier comes", payload=Courier, tags=["jobs"], examples=[{"payload": OFFER}]
    )
    async def courier_found(self, event): ...

    @document_event(
        "courier.gone", summary="He left", payload={"type": "object", "properties": {"name": {"type": "string"}}}
    )
    async def courier_gone(self, event): ...


class NewsConsumer(AsyncJsonWebsocketConsumer):
    @document_event("news", summary="Something happened")
    async def news(self, event): ...
