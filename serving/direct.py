"""A route whose body is all there is to read: no dependencies, forms, files or answers to check are looked for."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from serving.guard import BODY


class DirectRoute(APIRoute):
    """For a function of `query`, its body's model, and `request`, which returns a finished response.

    `Guard` stands before it: it has read the body.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What FastAPI calls for each request."""
        field, answer = self.body_field, self.endpoint
        assert field is not None

        async def handle(request: Request) -> Response:
            body = request.scope[BODY]
            query, errors = field.validate(body, {}, loc=("body",))
            if errors:
                raise RequestValidationError(errors, body=body)
            response: Response = await answer(query=query, request=request)
            return response

        return handle
