"""A lock holds against others, says who they are, and ends with its process, however that ends."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from pipelines.lock import LOCK, LockedError, held, passed_on
from recsys.errors import ArtifactError

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


TRY = """
import sys
from pathlib import Path
from pipelines.lock import LockedError, held
try:
    with held(Path(sys.argv[1])):
        print("in")
except LockedError as error:
    print(error)
"""


def tried(folder, descriptor, environment):
    """What a process says that has inherited a descriptor and wants to work in a folder."""
    words = [sys.executable, "-c", TRY, str(folder)]
    done = subprocess.run(
        words, pass_fds=(descriptor,), env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip()


def test_a_process_that_the_holder_began_is_let_in_and_leaves_the_lock_alone(tmp_path):
    with held(tmp_path / "a") as descriptor:
        told = (tmp_path / "a" / LOCK).read_text()
        assert tried(tmp_path / "a", descriptor, passed_on(descriptor)) == "in"
        assert (tmp_path / "a" / LOCK).read_text() == told
        assert f"process {os.getpid()} of" in tried(tmp_path / "a", descriptor, {})
        with held(tmp_path / "b"):  # what it inherits is another folder's
            assert f"process {os.getpid()} of" in tried(tmp_path / "b", descriptor, passed_on(descriptor))
        with pytest.raises(LockedError), held(tmp_path / "a"):
            pytest.fail("the child gave it up")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"Cannot write .*lock: .*; nothing was changed"), held(tmp_path / "file"):
        pytest.fail("there is no folder")


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
