"""What is written is whole or absent, and what a killed writer has left goes, nobody else's."""

import signal
import subprocess
import sys
from pathlib import Path

from recsys.workspace import swept, workspace

KILLED = """
import os, signal, sys
from pathlib import Path
from recsys.artifacts import publish
with publish(Path(sys.argv[1]), kind="toy") as work:
    (work / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(target: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)])
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_writer_has_left_goes_and_no_other_kind(tmp_path: Path) -> None:
    killed(tmp_path / "toy")
    killed(tmp_path / "toy-box")
    (left,) = tmp_path.glob(".toy-????????")
    old = left.with_name(left.name + "-old")
    for other in (old, tmp_path / "toy", tmp_path / ".toy", tmp_path / ".toy-1"):
        other.mkdir()
    assert swept(tmp_path / "toy") == sorted([left, old])
    assert {path.name[:8] for path in tmp_path.iterdir()} == {"toy", ".toy", ".toy-1", ".toy-box"}
    assert swept(tmp_path / "toy") == []
    assert swept(tmp_path / "nowhere" / "toy") == []


def test_a_block_that_ends_leaves_nothing(tmp_path: Path) -> None:
    with workspace(tmp_path / "toy") as work:
        (work / "file").write_text("1")
    assert list(tmp_path.iterdir()) == []
