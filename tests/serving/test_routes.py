from serving.app import door
from serving.routes import Routes


def scope(method: str, path: str) -> dict:
    return {"type": "http", "method": method, "path": path}


def test_routes_are_found_as_the_router_finds_them() -> None:
    routes = Routes(door())
    for path in ("/v1/users/a", "/v1/users/", "/v1/users/a/b\n", "/v1/users/a\nb"):
        assert {(access.path, *(access.methods or ())) for access in routes.met(path)} == {
            ("/v1/users/{user_id}", "GET"),
            ("/v1/users/{user_id}", "DELETE"),
        }
    for path in ("/v1/userss", "/v1/user", "/V1/users/a", "v1/bundle", "/v1/bundle/", ""):
        assert routes.met(path) == []


def test_a_route_takes_a_path_by_its_methods() -> None:
    routes = Routes(door())
    assert routes.take(scope("POST", "/v1/rank"))
    assert not routes.take(scope("GET", "/v1/rank"))
    assert not routes.take(scope("POST", "/v1/ranks"))
    assert routes.allowed("/v1/bundle") == "GET, POST"
    assert routes.allowed("/nowhere") == ""
