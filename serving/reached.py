"""What a request reaches."""

from fastapi import Request

from serving.service import Service
from serving.switch import Switch


def switch_of(request: Request) -> Switch:
    """What is in use."""
    switch: Switch = request.app.state.switch
    return switch


def service_of(request: Request) -> Service:
    """The bundle in use."""
    return switch_of(request).service
