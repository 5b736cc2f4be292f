"""Complete or absent: every way to break an artifact is found, every way to fail leaves the old one."""

import errno
import json
from pathlib import Path

import pytest

from recsys import artifacts
from recsys.artifacts import atomic_directory, digest_of, point_to, publish, read_manifest, sha256, verify
from recsys.errors import ArtifactError


def make(target: Path, text: str = "one", measured: str = "1 s") -> str:
    with publish(target, kind="toy", config={"size": 3}, parents={"catalog": "abc"}) as work:
        (work / "data.txt").write_text(text)
        (work / "deep").mkdir()
        (work / "deep" / "more.txt").write_text("more")
        (work / "measured.json").write_text(json.dumps(measured))
    return verify(target, kind="toy").digest


def hidden(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


def test_manifest_names_kind_config_parents_and_every_file(tmp_path: Path) -> None:
    make(tmp_path / "toy")
    manifest = verify(tmp_path / "toy", kind="toy")
    assert (manifest.kind, manifest.config, manifest.parents) == ("toy", {"size": 3}, {"catalog": "abc"})
    assert set(manifest.files) == {"data.txt", "deep/more.txt", "measured.json"}
    assert manifest.files["data.txt"] == sha256(tmp_path / "toy" / "data.txt")
    assert hidden(tmp_path) == []


def test_same_content_has_the_same_digest_other_content_another(tmp_path: Path) -> None:
    first = make(tmp_path / "a")
    assert make(tmp_path / "b") == first
    assert make(tmp_path / "c", text="two") != first


def test_clock_readings_do_not_enter_the_digest_but_are_checked(tmp_path: Path) -> None:
    assert make(tmp_path / "a", measured="1 s") == make(tmp_path / "b", measured="9 s")
    (tmp_path / "a" / "measured.json").write_text('"0 s"')
    with pytest.raises(ArtifactError, match=r"measured\.json was altered"):
        verify(tmp_path / "a", kind="toy")


def test_digest_of_ignores_key_order() -> None:
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1}) != digest_of({"a": 1, "b": [3]})


def test_one_flipped_byte_is_found(tmp_path: Path) -> None:
    make(tmp_path / "toy")
    content = bytearray((tmp_path / "toy" / "data.txt").read_bytes())
    content[0] ^= 1
    (tmp_path / "toy" / "data.txt").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"data\.txt was altered: sha256 is .*make or copy the toy again"):
        verify(tmp_path / "toy", kind="toy")


def test_a_missing_file_is_found(tmp_path: Path) -> None:
    make(tmp_path / "toy")
    (tmp_path / "toy" / "deep" / "more.txt").unlink()
    with pytest.raises(ArtifactError, match=r"more\.txt is missing; the toy is not whole"):
        verify(tmp_path / "toy", kind="toy")


def test_an_extra_file_is_found(tmp_path: Path) -> None:
    make(tmp_path / "toy")
    (tmp_path / "toy" / "zzz").write_text("")
    with pytest.raises(ArtifactError, match="zzz is not in the manifest"):
        verify(tmp_path / "toy", kind="toy")


def test_no_artifact_says_which_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"Expected a toy at .*nothing, found no manifest\.json; run the stage"):
        verify(tmp_path / "nothing", kind="toy")


def test_another_kind_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "toy")
    with pytest.raises(ArtifactError, match=r"Expected a bundle at .*, found a toy; check the path"):
        read_manifest(tmp_path / "toy", kind="bundle")


@pytest.mark.parametrize("body", ["{", "[]", "null", '{"kind": "toy"}', '{"a": 1}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, body: str) -> None:
    (tmp_path / "manifest.json").write_text(body)
    with pytest.raises(ArtifactError, match="is not a manifest"):
        read_manifest(tmp_path, kind="toy")


def test_an_altered_manifest_is_refused(tmp_path: Path) -> None:
    make(tmp_path / "toy")
    path = tmp_path / "toy" / "manifest.json"
    path.write_text(path.read_text().replace('"size": 3', '"size": 4'))
    with pytest.raises(ArtifactError, match="was altered: its digest is"):
        read_manifest(tmp_path / "toy", kind="toy")


def test_an_interruption_leaves_the_old_artifact_and_no_rubbish(tmp_path: Path) -> None:
    before = make(tmp_path / "toy")

    def interrupted() -> None:
        with publish(tmp_path / "toy", kind="toy") as work:
            (work / "data.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert verify(tmp_path / "toy", kind="toy").digest == before
    assert hidden(tmp_path) == []


def test_a_full_disk_while_publishing_leaves_the_old_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = make(tmp_path / "toy")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts.os, "fsync", full)
    with pytest.raises(ArtifactError, match=r"Cannot write .*toy: the disk is full; nothing was changed\. Free space"):
        make(tmp_path / "toy", text="two")
    assert verify(tmp_path / "toy", kind="toy").digest == before
    assert hidden(tmp_path) == []


def test_a_full_disk_inside_the_block_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="the disk is full"), atomic_directory(tmp_path / "toy"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"Cannot write .*Not a directory|Cannot write .*File exists"):
        make(tmp_path / "file" / "toy")


def test_publishing_again_replaces_the_whole_artifact(tmp_path: Path) -> None:
    make(tmp_path / "toy")
    with publish(tmp_path / "toy", kind="toy") as work:
        (work / "other.txt").write_text("x")
    assert set(verify(tmp_path / "toy", kind="toy").files) == {"other.txt"}
    assert hidden(tmp_path) == []


def test_a_link_moves_in_one_step(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make(tmp_path / name)
        point_to(tmp_path / "current", tmp_path / name)
        assert (tmp_path / "current").resolve() == (tmp_path / name).resolve()
    assert (tmp_path / "current").readlink() == Path("b")
    assert hidden(tmp_path) == []


def test_a_link_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "current").mkdir()
    (tmp_path / "current" / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"Cannot write .*current"):
        point_to(tmp_path / "current", tmp_path / "a")


def write_one(directory: Path) -> None:
    (directory / "data.txt").write_text("one")


def test_publishing_by_digest_names_the_folder_and_spares_a_whole_one(tmp_path: Path) -> None:
    first = artifacts.publish_by_digest(tmp_path, write_one, kind="toy")
    assert first.name == verify(first, kind="toy").digest
    inode = first.stat().st_ino
    assert artifacts.publish_by_digest(tmp_path, write_one, kind="toy") == first
    assert first.stat().st_ino == inode
    assert hidden(tmp_path) == []


def test_publishing_by_digest_mends_a_broken_one(tmp_path: Path) -> None:
    first = artifacts.publish_by_digest(tmp_path, write_one, kind="toy")
    (first / "data.txt").write_text("altered")
    assert artifacts.publish_by_digest(tmp_path, write_one, kind="toy") == first
    assert verify(first, kind="toy").digest == first.name
