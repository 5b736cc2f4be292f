"""Ids in paths."""

from starlette.convertors import PathConvertor, register_url_convertor


def take_ids() -> None:
    """Let `{user_id:id}` in a route be any text.

    Starlette's `path` ends before a line break at the end, so that /v1/users/ann%0A would be ann's.
    """
    anything = PathConvertor()
    anything.regex = "(?s:.*)"  # type: ignore[misc]
    register_url_convertor("id", anything)
