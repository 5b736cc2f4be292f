"""The local engine on a bundle: CPU seconds of making and writing the lists of given users, in a process of its own."""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from pipelines import partitions
from pipelines.list_maker import ListMaker, Wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="a bundle directory")
    parser.add_argument("--users", type=Path, required=True, help="a text file, one user_id a line")
    parser.add_argument("--k", type=int, required=True, help="items a list")
    parser.add_argument("--repeats", type=int, required=True)
    given = parser.parse_args()
    users = given.users.read_text().split("\n")
    with threadpool_limits(1):
        print(json.dumps(figures(given.bundle, users, k=given.k, repeats=given.repeats)))


def figures(bundle: Path, users: Sequence[str], *, k: int, repeats: int) -> dict[str, object]:
    """CPU seconds of each time, as `batch.recommend` makes and writes partitions; compiled code is compiled before."""
    maker, size = ListMaker.load(Wanted(bundle=bundle, k=k)), partitions.USERS
    maker.table(users[:size])
    seconds, rows, told = [], 0, set()
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            start, rows = time.process_time(), 0
            for number, first in enumerate(range(0, len(users), size)):
                table = maker.table(users[first : first + size])
                partitions.write(Path(folder), number, table)
                rows += len(table)
            seconds.append(time.process_time() - start)
            told = {user for user in users if maker.bundle.users.index.get(user) is not None}
    return {"seconds": seconds, "users": len(told), "rows": rows}


if __name__ == "__main__":
    main()
