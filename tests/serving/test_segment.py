"""A file of lines has one owner, and whoever comes can tell whether that one lives."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from serving.segment import Segment, alone, owned, taken

ROOT = Path(__file__).parents[2]


def read(path: Path) -> bytes | None:
    with taken(path) as content:
        return content


def test_a_segment_is_taken_when_its_owner_has_let_it_go(tmp_path: Path) -> None:
    segment = Segment(tmp_path)
    segment.append(b"one\n")
    assert (segment.path.read_bytes(), segment.size) == (b"one\n", 4)
    assert read(segment.path) is None
    segment.close()
    assert read(segment.path) == b"one\n"
    segment.path.unlink()
    assert read(segment.path) is None
    with pytest.raises(OSError):
        segment.append(b"two\n")
    assert list(tmp_path.iterdir()) == []


def test_whether_there_is_an_owner_can_be_told_without_taking_it(tmp_path: Path) -> None:
    segment = Segment(tmp_path)
    assert owned(segment.path)
    segment.close()
    assert not owned(segment.path)
    with taken(segment.path):
        assert owned(segment.path)
    segment.path.unlink()
    assert owned(segment.path)  # nothing is left to do about it


def test_what_follows_the_last_newline_was_acknowledged_to_nobody(tmp_path: Path) -> None:
    for content, expected in ((b"", b""), (b"torn", b""), (b"one\ntorn", b"one\n")):
        (tmp_path / "a.jsonl").write_bytes(content)
        assert read(tmp_path / "a.jsonl") == expected


def test_who_takes_a_segment_keeps_others_from_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"one\n")
    with taken(tmp_path / "a.jsonl") as mine:
        assert mine == b"one\n"
        assert read(tmp_path / "a.jsonl") is None
    assert read(tmp_path / "a.jsonl") == b"one\n"


def test_the_end_of_a_process_lets_go(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from serving.segment import Segment
Segment(Path(sys.argv[1])).append(b"one\\n")
print("ready", flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    (path,) = tmp_path.iterdir()
    assert read(path) is None
    process.kill()
    process.wait()
    assert read(path) == b"one\n"


def test_one_at_a_time_is_inside(tmp_path: Path) -> None:
    with alone(tmp_path / "lock", seconds=0) as first, alone(tmp_path / "lock", seconds=0.02) as second:
        assert (first, second) == (True, False)
    inside, most = 0, 0

    def enter() -> None:
        nonlocal inside, most
        for _ in range(20):
            with alone(tmp_path / "lock", seconds=60) as mine:
                assert mine
                inside += 1
                most = max(most, inside)
                os.sched_yield()
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
