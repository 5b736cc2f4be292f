"""recsys beside the methods people use instead: python -m tests.bench.versus_peers --run RUN --work DIR …

Each peer is fitted on the run's log before ranker_end and answers the same users under the same rules; the same exam
judges it. Its settings are the best of as many trials for each, by nDCG@10 on [encoder_end, ranker_end), fitted before
encoder_end. The first trial is the usual setting, the others are drawn (spaces.py). A method that needs long has two
limits, and the table says where they bit: minutes of a fit, after which it stops learning, and minutes of its search,
after which no trial begins. Without --run the peers are compared with each other on the log of --data.

The last two columns are recsys - peer, paired, with 95 % intervals over users. WORK/<peer>.json has all trials,
WORK/<peer>/ the lists; what is finished there is not made again.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from recsys.errors import RecsysError, UsageError
from tests.bench.versus_peers.spaces import spaces


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    try:
        code = _compare(given)
    except RecsysError as error:
        print(f"versus_peers: {error}", file=sys.stderr)
        code = error.exit_code
    sys.exit(code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a known source or a directory in an input form; with --run its log is used")
    parser.add_argument("--run", type=Path, help="a run whose stage evaluate is done")
    parser.add_argument("--work", type=Path, required=True, help="results, and what was finished on the way")
    parser.add_argument("--target", choices=("new", "all"), help="of the run by default")
    parser.add_argument("--trials", type=int, default=20, help="settings tried for each peer")
    names = ", ".join(spaces("new"))
    parser.add_argument("--peers", help=f"of {names}; with commas between; all that can run by default")
    parser.add_argument("--python", type=Path, help="of the environment with LensKit and RecTools")
    parser.add_argument("--minutes", type=float, default=15, help="of one fit of a network, which then stops learning")
    parser.add_argument("--search-minutes", type=float, default=240, help="of a peer's trials: none begins after them")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser


def chosen(names: str | None, python: Path | None) -> list[str]:
    """The peers of these names; by default all that can run.

    Raises:
        UsageError: no such peer or interpreter, or a peer of another library without --python.
    """
    known = spaces("new")
    if python is not None and not python.exists():
        raise UsageError(f"Expected --python as the interpreter of an environment, found no {python}; check the path.")
    if names is None:
        return [name for name, space in known.items() if python is not None or not space.foreign]
    for name in names.split(","):
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.0)[0]
            raise UsageError(f"Unknown peer {name!r}; did you mean {near}? There are {', '.join(known)}.")
        if known[name].foreign and python is None:
            raise UsageError(
                f"Expected --python, of an environment with {name.split('-')[0]}, for {name}, got none; "
                "lenskit_models.py says how one is made."
            )
    return list(dict.fromkeys(names.split(",")))


def _compare(given: argparse.Namespace) -> int:
    """Run the peers, print what they came to, and return the exit code: 1 where one failed."""
    peers = chosen(given.peers, given.python)
    if given.trials < 1:
        raise UsageError(f"Expected --trials from 1 up, got {given.trials}; correct it.")
    from tests.bench.versus_peers.question import Question
    from tests.bench.versus_peers.search import Search
    from tests.bench.versus_peers.standings import Standings
    from tests.bench.versus_peers.trial import Plan

    question = Question.of(data=given.data, run=given.run, work=given.work, target=given.target)
    plan = Plan(
        trials=given.trials,
        minutes=given.minutes,
        search_minutes=given.search_minutes,
        threads=given.threads,
        seed=given.seed,
        python=given.python,
    )
    exam = question.exam(question.split)
    standings = Standings(exam=exam, ours=question.ours(exam))
    search = Search(question=question, plan=plan, work=given.work, exam=exam)
    for peer in peers:
        try:
            standings.add(peer, *search.run(peer))
        except RecsysError as error:
            print(f"versus_peers: {error}", file=sys.stderr)
            standings.fail(peer, str(error))
    print(json.dumps(standings.told(), indent=1) if given.json else standings.table())
    return int(bool(standings.failed))


if __name__ == "__main__":
    main()
