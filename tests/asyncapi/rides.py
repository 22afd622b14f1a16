"""A consumer that uses everything the decorators take: the shape of a project written for django-channels-spectacular."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from pydantic import BaseModel

from wsauth.asyncapi import document_action, document_event


@dataclass
class RequestRide:
    pickup: str
    fare: Decimal
    passengers: int
    note: str | None = None


class RideOffer(BaseModel):
    ride_id: UUID
    driver: str
    minutes: int


def consumer(accept_offer):
    """Return the class; `accept_offer` is the payload of an action, as a DRF serializer is."""

    class Dispatch:
        @document_action(
            summary="Ask for a ride",
            description="Starts the search for a driver.",
            payload=RequestRide,
            responses={"ride.requested": {"ride_id": "uuid"}},
            tags=["rides"],
            examples=[
                {
                    "name": "Cash",
                    "summary": "Paid in cash",
                    "payload": {"action": "request_ride", "pickup": "Marina 23", "fare": "1500.00", "passengers": 1},
                }
            ],
        )
        async def handle_request_ride(self, content): ...

        @document_action(summary="Take an offer", payload=accept_offer, tags=["rides"])
        async def handle_accept_offer(self, content): ...

        @document_action(action="ping", summary="Are you there?")
        async def handle_ping(self, content): ...

        @document_action(summary="Cancel the ride", deprecated=True)
        async def handle_cancel_ride(self, content): ...

        @document_event(
            "ride.offer",
            summary="A driver offers the ride",
            payload=RideOffer,
            tags=["rides"],
            examples=[
                {
                    "name": "Near",
                    "payload": {"type": "ride.offer", "ride_id": str(UUID(int=7)), "driver": "E", "minutes": 4},
                }
            ],
        )
        async def ride_offer(self, event): ...

        @document_event(
            "ride.accepted",
            summary="A driver has accepted",
            payload={"type": "object", "properties": {"driver": {"type": "string"}}},
        )
        async def ride_accepted(self, event): ...

    return Dispatch
