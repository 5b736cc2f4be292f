import multiprocessing

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines import partitions
from pipelines.partitions import Partitions
from recsys.artifacts import verify
from recsys.errors import ArtifactError, UsageError


def table(users) -> pl.DataFrame:
    return pl.DataFrame({"user_id": users}, schema={"user_id": pl.String})


def finish(parts, numbers) -> None:
    for number in numbers:
        partitions.write(parts.folder, number, table(parts.of(number)))


@given(n=st.integers(0, 50), size=st.integers(1, 20))
def test_every_user_is_in_one_partition_in_order(n, size):
    users = [f"u{i:02d}" for i in range(n)]
    parts = Partitions(out=None, folder=None, users=users, size=size)
    cut = [parts.of(number) for number in range(len(parts))]
    assert [user for part in cut for user in part] == users
    assert all(len(part) == size for part in cut[:-1])
    assert n == 0 or 0 < len(cut[-1]) <= size


def test_partitions_are_published_together_and_nothing_stays_beside(tmp_path):
    out = tmp_path / "lists"
    with Partitions.opened(out, key="a", users=["x", "y", "z"], size=2) as parts:
        finish(parts, [0, 1])
        assert not out.exists()
        parts.publish(config={"k": 1}, parents={"bundle": "b"})
    assert [path.name for path in tmp_path.iterdir()] == ["lists"]
    manifest = verify(out, kind="recommendations")
    assert dict(manifest.config) == {"k": 1, "users": 3, "rows": 3}
    assert sorted(manifest.files) == ["part-00000.parquet", "part-00001.parquet"]
    assert pl.read_parquet(out / "*.parquet")["user_id"].to_list() == ["x", "y", "z"]


def test_what_was_finished_stays_for_the_same_question_only(tmp_path):
    for key, left in (("a", [0, 1, 2]), ("a", [0, 2]), ("b", [0, 1, 2])):
        with Partitions.opened(tmp_path / "lists", key=key, users=["x", "y", "z"], size=1) as parts:
            assert parts.left() == left
            finish(parts, [1])


def test_an_altered_partition_is_made_again(tmp_path):
    with Partitions.opened(tmp_path / "lists", key="a", users=["x", "y"], size=1) as parts:
        finish(parts, [0, 1])
        (partitions.place(parts.folder, 1) / "lists.parquet").write_bytes(b"rot")
        assert parts.left() == [1]
        with pytest.raises(ArtifactError, match=r"part-00001/lists.parquet was altered"):
            parts.publish(config={}, parents={})


def test_a_partition_that_is_not_there_is_named_and_the_old_result_stays(tmp_path):
    out = tmp_path / "lists"
    for numbers in ([0, 1], [0]):
        with Partitions.opened(out, key="a", users=["x", "y"], size=1) as parts:
            finish(parts, numbers)
            if numbers == [0]:
                with pytest.raises(ArtifactError, match=r"Expected a recommendations partition at .*part-00001"):
                    parts.publish(config={}, parents={})
            else:
                parts.publish(config={}, parents={})
    assert len(verify(out, kind="recommendations").files) == 2


def test_without_hard_links_files_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(partitions.Path, "hardlink_to", refuse)
    with Partitions.opened(tmp_path / "lists", key="a", users=["x"], size=1) as parts:
        finish(parts, [0])
        parts.publish(config={}, parents={})
    assert pl.read_parquet(tmp_path / "lists" / "*.parquet")["user_id"].to_list() == ["x"]


def open_there(out, refused) -> None:
    try:
        with Partitions.opened(out, key="a", users=["x"], size=1):
            refused.put("")
    except UsageError as error:
        refused.put(str(error))


def test_two_processes_do_not_write_to_one_output(tmp_path):
    context = multiprocessing.get_context("forkserver")
    refused = context.SimpleQueue()
    with Partitions.opened(tmp_path / "lists", key="a", users=["x"], size=1):
        process = context.Process(target=open_there, args=(tmp_path / "lists", refused))
        process.start()
        said = refused.get()
        process.join(30)
    assert said == f"Another process writes {tmp_path / 'lists'}; wait for it, or choose another --out."


def test_a_folder_that_cannot_be_written_has_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArtifactError, match=r"Cannot write .*lists.parts: Not a directory; choose another --out"),
        Partitions.opened(tmp_path / "file" / "lists", key="a", users=["x"], size=1),
    ):
        pass


def test_an_interrupted_exchange_is_gone_through_again(tmp_path):
    out = tmp_path / "lists"
    with Partitions.opened(out, key="a", users=["x"], size=1) as parts:
        finish(parts, [0])
        (parts.folder / "whole-old").mkdir()
        (parts.folder / "whole-old" / "part-00000.parquet").write_bytes(b"of long ago")
        out.mkdir()
        parts.publish(config={}, parents={})
    assert verify(out, kind="recommendations").files.keys() == {"part-00000.parquet"}
    assert [path.name for path in tmp_path.iterdir()] == ["lists"]
