"""A lock holds against others, says who they are, and ends with its process, however that ends."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from pipelines.lock import LOCK, LockedError, held

HOLD = """
import subprocess, sys, time
from pathlib import Path
from pipelines.lock import held
with held(Path(sys.argv[1])) as descriptor:
    child = ["python", "-c", "import sys; print('child', flush=True); sys.stdin.read()"]
    if sys.argv[2] == "child":
        subprocess.Popen([sys.executable, *child[1:]], pass_fds=(descriptor,))
    else:
        print("alone", flush=True)
    time.sleep(600)
"""


def holder(folder, kind):
    """A process that holds the lock, or one whose child holds it, too; the child ends with its stdin."""
    words = [sys.executable, "-c", HOLD, str(folder), kind]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == kind
    return process


def test_the_second_is_told_who_holds_it_and_since_when(tmp_path):
    process = holder(tmp_path, "alone")
    try:
        since = json.loads((tmp_path / LOCK).read_text())["since"]
        told = rf"but process {process.pid} of {socket.gethostname()}, since {since}, is at work there; wait until"
        with pytest.raises(LockedError, match=told), held(tmp_path):
            pytest.fail("two hold it")
    finally:
        process.kill()
        process.communicate()
    with held(tmp_path):  # a killed process holds nothing
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_what_a_killed_process_began_still_holds_it(tmp_path):
    process = holder(tmp_path, "child")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(LockedError, match=f"process {process.pid} of "), held(tmp_path):
        pytest.fail("the child is at work")
    process.communicate()  # the child's input ends, and so does the child
    with held(tmp_path):
        pass


def test_it_can_be_had_again_after_an_error_and_says_nothing_of_the_past(tmp_path):
    folder = tmp_path / "new"
    with pytest.raises(ZeroDivisionError), held(folder):
        raise ZeroDivisionError
    assert (folder / LOCK).read_text() == ""
    with held(folder), pytest.raises(LockedError, match="is at work there"), held(folder):
        pytest.fail("two hold it")


def test_a_holder_that_has_not_said_who_it_is_is_another_process(tmp_path):
    with held(tmp_path):
        (tmp_path / LOCK).write_text("{")
        with pytest.raises(LockedError, match="but another process is at work"), held(tmp_path):
            pytest.fail("two hold it")
