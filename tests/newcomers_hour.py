"""A newcomer's hour at a shop of their own, from the README: its commands, as they stand there, in an empty folder.

`python -m tests.newcomers_hour` does it again and writes tests/newcomers_hour.txt.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import numpy as np

from tests import tea_shop
from tests.pipelines.crowd import wait
from tests.serving.console.browsing import CHROMIUM, chromium
from tests.serving.console.looking import Looking

ROOT = Path(__file__).parents[1]
TRANSCRIPT = Path(__file__).with_suffix(".txt")
BUYER = "u00003"
VISITS, K = 4, 2
_JSON = "-H 'content-type: application/json' -d"
SMALL = {
    "ENCODER__BASE": "scratch",
    "ENCODER__MAX_TOKENS": "16",
    "PRETRAIN__STEPS": "6",
    "PRETRAIN__TOKENS_PER_STEP": "600",
    "PRETRAIN__THREADS": "1",
    "FINETUNE__HEAD_STEPS": "10",
    "FINETUNE__MAX_STEPS": "10",
    "FINETUNE__EVALUATE_EVERY": "5",
    "FINETUNE__USERS_PER_STEP": "32",
    "FINETUNE__THREADS": "1",
    "DISTILL__MAX_STEPS": "40",
    "DISTILL__THREADS": "1",
    "RANKING__TREES__TREES": "30",
    "RANKING__TREES__LEAVES": "7",
    "RANKING__TREES__MIN_ROWS": "10",
    "EVALUATION__SAMPLES": "200",
    "GATE__STUDENT_SHARE": "0.5",
    "GATE__PIPELINE_SHARE": "0.5",
    "GATE__SEGMENT_SHARE": "0.1",
    "GATE__COSTLIER": "10",
    "GATE__SLOWER": "4",
    "THREADS": "1",
}
"""Settings of a shop of 210 customers whose training shall take seconds, as variables; the encoder is its own, since
`data check` says that the default one reads English."""
FILLED = {
    '# items = {item_id = "?", title = "?"}': 'items = {item_id = "货号", title = "品名", category = "类目", '
    'price = "单价"}',
    '# events = {user_id = "?", item_id = "?", timestamp = "?"}': 'events = {user_id = "会员号", item_id = "货号", '
    'timestamp = "下单时间"}\ntime_format = "%Y年%m月%d日 %H:%M:%S"\ntimezone = "Asia/Shanghai"',
}
"""What `init` could not know → what the newcomer writes there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something done: a command, its exit code, and what it printed, or a sentence in place of it."""

    command: str
    code: int
    printed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A shell in a folder, which keeps what was done."""

    folder: Path
    steps: list[Step] = field(default_factory=list)

    def run(self, command: str, *, port: int = 8000) -> Step:
        """Run a command; the README's port stands for the one that is free here."""
        done = subprocess.run(
            ["bash", "-c", command.replace(":8000", f":{port}")],
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        return self.note(command, done.stdout.replace(f":{port}", ":8000"), code=done.returncode)

    def note(self, command: str, printed: str, *, code: int = 0) -> Step:
        self.steps.append(Step(command=command, code=code, printed=printed.rstrip()))
        return self.steps[-1]


def _environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    plain = {"PATH": path, "COLUMNS": "120", "RAY_USAGE_STATS_ENABLED": "0", "NO_COLOR": "1"}
    return os.environ | plain | {f"RECSYS_{name}": value for name, value in SMALL.items()}


def told(start: str) -> str:
    """The README's one command for `my-shop` that begins so, without what stands behind it."""
    lines = (line.strip().removeprefix(".venv/bin/") for line in (ROOT / "README.md").read_text().splitlines())
    return next(re.sub(r"\s{2,}#.*", "", line) for line in lines if line.startswith(start) and "my-shop" in line)


def hour(folder: Path) -> list[Step]:
    """All of it, in an empty folder."""
    terminal = Terminal(folder=folder)
    tea_shop.write(folder / "my-shop")
    terminal.run("ls my-shop")
    terminal.run(told("recsys init"))
    terminal.run("sed -n '/^\\[data.mapping/,/mean:$/p' shop.toml")
    config = folder / "shop.toml"
    text = config.read_text()
    for asked, filled in FILLED.items():
        assert asked in text
        text = text.replace(asked, filled, 1)
    config.write_text(text)
    terminal.note("(the newcomer fills in what is asked for)", "\n".join(FILLED.values()))
    terminal.run(told("recsys data check"))
    # what the check advises: people buy again here
    terminal.run(told("recsys run").replace("task.target=new", "task.target=all"))
    terminal.run(told("recsys recommend"))
    terminal.run("ls lists")
    with _served(terminal) as port:
        _ask(terminal, port)
        _look(terminal, port)
        _experiment(terminal, port)
    _judge(terminal)
    return terminal.steps


def _judge(terminal: Terminal) -> None:
    """Answers of the last moments may still earn: the first try is refused; the second does what the refusal says."""
    command = (
        "recsys ab --log runs/my-shop/serving/log --policy now=runs/my-shop/bundles/current "
        "--set off_policy.window_hours=0.0003 --set off_policy.samples=200"
    )
    refused = terminal.run(command)
    until = re.search(r"until=([\w:.+-]+)", refused.printed)
    terminal.run(f"{command} --set off_policy.until={until[1] if until else 'not told'}")


@contextlib.contextmanager
def _served(terminal: Terminal) -> Iterator[int]:
    command = told("recsys serve")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [*command.split(), "--port", str(port), "--set", "log.candidates=1"]
    process = subprocess.Popen(
        words, cwd=terminal.folder, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            wait(client, process)
        yield port
        process.send_signal(signal.SIGINT)
        lines = process.communicate(timeout=60)[0].replace(f":{port}", ":8000").splitlines()
        told_once = "\n".join(line for line in lines if " request request=" not in line)
        terminal.note(
            f"{command} --set log.candidates=1   (until Ctrl-C; not its line a request)",
            told_once,
            code=process.returncode,
        )
    finally:
        process.kill()
        process.wait()


def _ask(terminal: Terminal, port: int) -> None:
    where = "curl -s 127.0.0.1:8000/v1"
    terminal.run(f"""{where}/recommend {_JSON} '{{"user_id": "{BUYER}", "k": 3}}'""", port=port)
    terminal.run(f"{where}/users/{BUYER} | head -c 300", port=port)
    terminal.run(
        f"""{where}/draft {_JSON} '{{"user_id": "{BUYER}", "item": {{"title": "青瓷茶壶"}}}}' | head -c 300""",
        port=port,
    )
    terminal.run(
        f"""curl -s -X PUT 127.0.0.1:8000/v1/items/new-1 {_JSON} '{{"title": "青瓷茶壶", "price": 88}}'""", port=port
    )
    terminal.run(f"{where}/items -G --data-urlencode q=青瓷", port=port)
    # the bundle that is judged below knows of no item that is not its own
    terminal.run("curl -s -X DELETE 127.0.0.1:8000/v1/items/new-1", port=port)


def _look(terminal: Terminal, port: int) -> None:
    """What the console shows of the customer."""
    place = f"/#/customer/{BUYER}"
    with chromium() as browser:
        looking = Looking(page=browser.new_page(), address=f"http://127.0.0.1:{port}")
        looking.at(place.removeprefix("/#/"))
        said = looking.page.locator("#said").inner_text()
        first = looking.listed("List, best first").locator("> li .what").first.inner_text()
        terminal.note(
            f"(a browser) http://127.0.0.1:8000{place}", f"{said}\nfirst of the list: {' '.join(first.split())}"
        )


def _experiment(terminal: Terminal, port: int) -> None:
    """Two arms that explore, while the customers come and take what they see, the upper the rather."""
    arms = (
        '{"name": "as-is", "share": 0.5, "policy": {"kind": "epsilon_greedy", "epsilon": 0.2}}, '
        '{"name": "exploring", "share": 0.5, "policy": {"kind": "plackett_luce", "temperature": 0.1}}'
    )
    body = f'{{"name": "june", "arms": [{arms}]}}'
    terminal.run(f"curl -s -X PUT 127.0.0.1:8000/v1/experiment {_JSON} '{body}'", port=port)
    rng, clicks = np.random.default_rng(0), []
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        for number in range(210 * VISITS):
            if number == 210 * VISITS // 2:
                time.sleep(2.5)  # a night: none of the first half is of the last moments
            asked = {"user_id": f"u{number % 210:05d}", "k": K, "request_id": f"visit-{number}"}
            answer = client.post("/v1/recommend", json=asked).json()
            taken = np.flatnonzero(rng.random(K) < 0.4 / (1 + np.arange(K)))
            clicks += [_click(answer, asked, int(place)) for place in taken]
        # after all lists: days of a shop pass in seconds here, and counters that are replayed minute by minute differ
        for start in range(0, len(clicks), 200):
            batch = clicks[start : start + 200]
            assert client.post("/v1/events", json={"events": batch}).json()["accepted"] == len(batch)
    terminal.note("(the shop's customers come)", f"{210 * VISITS} lists, {len(clicks)} clicks")


def _click(answer: dict, asked: dict, place: int) -> dict:
    return {
        "event_id": f"{asked['request_id']}-{place}",
        "user_id": asked["user_id"],
        "item_id": answer["items"][place]["item_id"],
        "event": "click",
        "timestamp": (datetime.fromisoformat(answer["as_of"]) + timedelta(milliseconds=place + 1)).isoformat(),
        "request_id": asked["request_id"],
    }


def written(steps: list[Step]) -> str:
    """As it stands in the file."""
    head = "# Settings of this small shop: " + " ".join(f"RECSYS_{name}={value}" for name, value in SMALL.items())
    return "\n\n".join([head, *(f"$ {s.command}\n{s.printed}\n[{s.code}]" for s in steps)]) + "\n"


if __name__ == "__main__":
    assert shutil.which(CHROMIUM), f"install {CHROMIUM}"
    with tempfile.TemporaryDirectory() as place:
        TRANSCRIPT.write_text(written(hour(Path(place))).replace(place, "."))
