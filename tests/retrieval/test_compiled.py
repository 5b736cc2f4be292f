from collections.abc import Callable
from typing import Any

import pytest

from recsys.retrieval import compiled


def test_where_nothing_can_be_kept_it_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*, nogil: bool, cache: bool = False) -> Callable[[Any], Any]:
        def decorate(loop: Any) -> Any:
            if cache:
                raise RuntimeError("cannot cache function: no locator available")
            return "compiled", loop, nogil

        return decorate

    monkeypatch.setattr(compiled, "njit", nowhere)
    assert compiled.compiled(int) == ("compiled", int, True)
