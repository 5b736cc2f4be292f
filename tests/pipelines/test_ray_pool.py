"""What a pool of Ray's actors may count on; its work on a Ray is tested where there is some: batch, embed."""

import re

import pytest

from pipelines import ray_pool
from pipelines.ray_pool import RayPool
from recsys.errors import RecsysError, UsageError


def pool(**how) -> RayPool:
    return RayPool(load=lambda: lambda number, texts: None, workers=None, **how)


@pytest.mark.parametrize(
    ("how", "machines", "room"),
    [
        ({}, [{"CPU": 2.0, "GPU": 1.0}, {"CPU": 3.0}, {}], 5),
        ({"threads": 2}, [{"CPU": 3.0}, {"CPU": 1.0}, {"CPU": 4.0}], 3),  # two halves on two machines are no room
        ({"threads": 2, "gpus": 1}, [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 8.0}, {"CPU": 2.0, "GPU": 4.0}], 2),
    ],
)
def test_an_actor_needs_its_cpus_and_gpus_on_one_machine(how, machines, room):
    assert pool(**how)._room(machines) == room


def test_where_there_is_no_room_it_says_what_is_missing():
    with pytest.raises(RecsysError, match=re.escape("Expected a machine with 4 CPUs and 1 GPUs")):
        pool(threads=4, gpus=1)._room([{"CPU": 8.0}, {"CPU": 2.0, "GPU": 1.0}])


def test_without_jobs_no_ray_is_started(monkeypatch):
    monkeypatch.setattr(ray_pool, "_cluster", None)
    assert list(pool().finished({})) == []


def test_workers_belong_to_ray():
    ray_pool.check("ray", 2)
    ray_pool.check("local", None)
    with pytest.raises(UsageError, match="Expected --workers beside --engine ray alone"):
        ray_pool.check("local", 2)
