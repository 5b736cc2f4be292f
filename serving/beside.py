"""The policy log's chores in a process of their own, of low priority.

Making Parquet of a full segment takes a third of a second of a core, and much of it the interpreter's lock: in a thread
beside the answers each of them would wait for its share. The process (`python -m serving.beside`) starts when there is
something to do, gets it as JSON on stdin, tells on stdout what happens, each line a JSON array [what, text], and ends.
"""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from serving.keeping import FAILURES, LOCK, SEGMENTS, Chores, Here, KeepingError, cause, forgotten_by
from serving.segment import ENDING, alone, owned
from serving.stores import store_at

_MILD = 19
"""By so much it is nicer than who answers, as far as that goes: about a seventieth of a core that both want."""

_TOOK, _SAID, _FAILED, _ENDED = "took", "said", "failed", "ended"
_MINE, _OTHERS = "mine", "others"
_LOG = logging.getLogger(__name__)


class Beside:
    """Who does the chores in another process, where there are any."""

    def __init__(self, directory: Path, state: str) -> None:
        """None is started yet.

        Args:
            directory: of the log.
            state: who knows who was erased, as for `stores.store_at`.
        """
        self._directory, self._state = directory, state
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def keep(self, chores: Chores, taken: Callable[[], None]) -> bool:
        """As `Keeper.keep` has it; one call at a time."""
        left = (path for path in (self._directory / SEGMENTS).glob(f"*{ENDING}") if not owned(path))
        if chores == Chores(seconds=chores.seconds) and next(left, None) is None:
            return True
        if not chores.seconds and self._others():
            return False
        told = {"directory": str(self._directory), "state": self._state, "chores": asdict(chores)}
        with _started() as process:
            self._stopped, self._process = False, process
            try:
                return _heard(process, json.dumps(told), taken)
            except KeepingError:
                if self._stopped:
                    return False
                raise
            finally:
                self._process = None

    def stop(self) -> None:
        """As `Keeper.stop` has it."""
        if (process := self._process) is not None:
            self._stopped = True
            process.kill()

    def _others(self) -> bool:
        """Whether others do the chores right now: a process that finds that out costs as much as one that does them."""
        with alone(self._directory / LOCK, seconds=0) as free:
            return not free


def _started() -> subprocess.Popen[bytes]:
    folder = str(Path(__file__).parents[1])  # where this package lies is not where the other process looks for it
    paths = os.pathsep.join(path for path in (folder, os.environ.get("PYTHONPATH")) if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=os.environ | {"POLARS_MAX_THREADS": "1", "PYTHONPATH": paths},
        process_group=0,  # who interrupts the service does not interrupt it
    )


def _heard(process: subprocess.Popen[bytes], chores: str, taken: Callable[[], None]) -> bool:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):  # it ends without a word
        process.stdin.write(chores.encode() + b"\n")  # left open: its end tells that nobody asks any more
    for line in process.stdout:
        what, text = json.loads(line)
        if what == _TOOK:
            taken()
        elif what == _SAID:
            _LOG.error("%s", text)
        elif what == _FAILED:
            raise KeepingError(text)
        elif what == _ENDED:
            return bool(text == _MINE)
    raise KeepingError(f"the process that does it ended with exit code {process.wait()}")


def main() -> None:
    """Do the chores that stdin tells."""
    told = json.loads(sys.stdin.readline())
    threading.Thread(target=_follow, daemon=True).start()
    logging.getLogger("serving").addHandler(_Told())
    try:
        store = store_at(told["state"])
        _be_nice()  # not before: to open a store may take its lock, for which others then wait as long as for a core
        here = Here(Path(told["directory"]), forgotten_by(store))
        mine = here.keep(Chores(**told["chores"]), lambda: _tell(_TOOK, ""))
        store.close()
    except FAILURES as error:
        _tell(_FAILED, cause(error))
    else:
        _tell(_ENDED, _MINE if mine else _OTHERS)


def _be_nice() -> None:
    """Leave the core to others, in this thread and all that it starts; where that is refused, do without."""
    with suppress(OSError):
        os.nice(_MILD)


def _follow() -> None:
    """End with who asked: others must not wait for what is done here, and do again what is broken off."""
    sys.stdin.read()
    os._exit(1)


def _tell(what: str, text: str) -> None:
    sys.stdout.write(json.dumps([what, text]) + "\n")
    sys.stdout.flush()


class _Told(logging.Handler):
    """What is logged is told to who asked, whose lines have a form of their own."""

    def emit(self, record: logging.LogRecord) -> None:
        _tell(_SAID, record.getMessage())


if __name__ == "__main__":
    main()
