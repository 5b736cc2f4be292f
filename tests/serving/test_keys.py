"""Keys: made once, kept as hashes, read again when the file changes, and never trusted where others could write it."""

import hashlib
import hmac
import json
import os
import threading
from pathlib import Path

import pytest

from recsys.errors import UsageError
from serving import keys
from serving.keys import MAX_BYTES, MAX_KEYS, Key, KeyRing, add, read

HASH = "0" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


def line(**fields: object) -> str:
    return json.dumps({"name": "shop", "sha256": HASH, "role": "read"} | fields) + "\n"


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_key_is_long_random_and_kept_as_its_hash_only(path: Path) -> None:
    first, second = add(path, name="shop", role="read"), add(path, name="till", role="write", rate=5, burst=9)
    assert first != second
    assert first.startswith("recsys_")
    assert len(first) == len("recsys_") + 43  # 256 bits in base64
    assert first not in path.read_text()
    assert first.removeprefix("recsys_") not in path.read_text()
    assert read(path) == (
        Key(name="shop", sha256=hashlib.sha256(first.encode()).hexdigest(), role="read"),
        Key(name="till", sha256=hashlib.sha256(second.encode()).hexdigest(), role="write", rate=5, burst=9),
    )


def test_only_the_owner_reads_a_new_file_and_an_old_one_keeps_its_mode(path: Path) -> None:
    add(path, name="shop", role="read")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    add(path, name="till", role="read")
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_finished_is_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, name="shop", role="read")
    before = path.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UsageError, match=r"Cannot write .*: No space left on device; nothing was changed\."):
            add(path, name="till", role="read")
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["keys"]


def test_keys_made_at_once_are_all_there(path: Path) -> None:
    threads = [threading.Thread(target=add, args=(path,), kwargs={"name": f"k{n}", "role": "read"}) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.name for key in read(path)) == sorted(f"k{n}" for n in range(20))


def test_a_link_to_the_file_stays_one(path: Path, tmp_path: Path) -> None:
    add(path, name="shop", role="read")
    (tmp_path / "link").symlink_to(path)
    add(tmp_path / "link", name="till", role="read")
    assert (tmp_path / "link").is_symlink()
    assert len(read(path)) == 2


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "shop"}, "has a key named shop already; choose another name, or remove its line."),
        ({"name": "a b"}, "Cannot make this key: name: String should match pattern"),
        ({"name": "a\n"}, "Cannot make this key: name: String should match pattern"),
        ({"name": "a", "rate": float("nan")}, "Cannot make this key: rate: Input should be a finite number."),
        ({"name": "a", "rate": 0}, "Cannot make this key: rate: Input should be greater than 0."),
        ({"name": "a", "burst": 2}, "Cannot make this key: burst needs a rate."),
        ({"name": "a", "rate": 1, "burst": 0}, "Cannot make this key: burst: Input should be greater than or equal"),
    ],
)
def test_what_is_no_key_changes_nothing(path: Path, fields: dict, sentence: str) -> None:
    add(path, name="shop", role="read")
    before = path.read_bytes()
    with pytest.raises(UsageError) as refused:
        add(path, role="read", **fields)
    assert sentence in str(refused.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("recsys_secret\n", "Line 1 of PATH is no key: not JSON; see `recsys key --help`."),
        (line() + line(name="b", sha256="abc"), "Line 2 of PATH is no key: sha256: String should match pattern"),
        (line(role="god"), "Line 1 of PATH is no key: role: Input should be 'read', 'write' or 'admin'"),
        (line(recsys_secret=1), "Line 1 of PATH is no key: a field that keys do not have"),
        (line() + line(sha256="1" * 64), "Expected each name once in PATH, one is there twice; remove a line."),
        (line() + line(name="b"), "Expected each sha256 once in PATH, one is there twice; remove a line."),
        (
            "".join(line(name=f"k{n}", sha256=f"{n:064x}") for n in range(MAX_KEYS + 1)),
            f"Expected at most {MAX_KEYS} keys in PATH, got {MAX_KEYS + 1}; remove some.",
        ),
        (" " * (MAX_BYTES + 1), f"Expected keys of at most {MAX_BYTES} bytes in PATH, got more; remove some."),
    ],
)
def test_what_is_no_file_of_keys_is_a_sentence(path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(written(path, text))
    assert str(refused.value).startswith(sentence.replace("PATH", str(path)))
    assert "recsys_secret" not in str(refused.value), "a key by mistake must not be told"


def test_no_file_is_a_sentence(path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot read the keys in .*: No such file or directory; make one by `recsys"):
        read(path)
    with pytest.raises(UsageError, match="Is a directory"):
        read(path.parent)


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(path: Path, mode: int) -> None:
    add(path, name="shop", role="read")
    path.chmod(mode)
    with pytest.raises(UsageError, match=r"Others can write .*, and so add keys; `chmod 600 .*`\."):
        read(path)


def test_a_file_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(path, name="shop", role="read")
    owner = path.stat().st_uid or 1000
    if path.stat().st_uid == 0:
        os.chown(path, owner, -1)
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(UsageError, match="belongs to another user, who could add keys"):
        read(path)


def test_a_file_that_everybody_can_read_is_warned_of(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    add(path, name="shop", role="read")
    path.chmod(0o644)
    assert len(read(path)) == 1
    assert "Everybody on this machine can read" in caplog.text


def test_the_key_is_found_and_nothing_else(path: Path) -> None:
    made = {name: add(path, name=name, role="read") for name in ("a", "b", "c")}
    ring = KeyRing(path)
    for name, key in made.items():
        assert (found := ring.find(key.encode())) is not None
        assert found.name == name
    digest = hashlib.sha256(made["a"].encode()).hexdigest()
    for other in (b"", made["a"][:-1].encode(), made["a"].encode() + b"\0", digest.encode(), b"\xff" * 9000):
        assert ring.find(other) is None


def test_every_key_is_compared_in_constant_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = (add(path, name=name, role="read") for name in ("a", "b", "c"))
    ring, compared = KeyRing(path), []

    def compare(known: str, given: str) -> bool:
        compared.append(known)
        return hmac.compare_digest(known, given)

    monkeypatch.setattr(keys, "hmac", type("hmac", (), {"compare_digest": staticmethod(compare)}))
    assert ring.find(first.encode()) is not None
    assert compared == [key.sha256 for key in read(path)], "the first one fits, the others are compared all the same"


def test_a_change_counts_within_a_second_and_the_file_is_not_looked_at_more_often(path: Path) -> None:
    now = [0.0]
    old = add(path, name="a", role="read").encode()
    ring = KeyRing(path, ticks=lambda: now[0])
    new = add(path, name="b", role="read").encode()
    now[0] = 0.9
    assert ring.find(new) is None
    now[0] = 1.0
    assert ring.find(new) is not None
    assert ring.find(old) is not None
    written(path, "".join(path.read_text().splitlines(keepends=True)[1:]))
    now[0] = 2.0
    assert ring.find(old) is None, "a line that was removed is a key no more"
    written(path, "")
    now[0] = 3.0
    assert ring.find(new) is None, "no line, no key"


@pytest.mark.parametrize("break_it", [lambda p: written(p, "{"), lambda p: p.unlink(), lambda p: p.chmod(0o666)])
def test_a_broken_file_keeps_the_old_keys_and_is_told_once(
    path: Path, caplog: pytest.LogCaptureFixture, break_it
) -> None:
    now = [0.0]
    key = add(path, name="a", role="read").encode()
    ring = KeyRing(path, ticks=lambda: now[0])
    break_it(path)
    for now[0] in (1.0, 2.0, 3.0):
        assert ring.find(key) is not None
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["The keys stay as they were"]
