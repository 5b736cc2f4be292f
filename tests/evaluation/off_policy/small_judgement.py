"""What was found of four policies, written by hand: one is answered, one by rows alone, one not, one has no weights."""

from dataclasses import replace

from recsys.evaluation.compare import Estimate
from recsys.evaluation.equivalence import verdict
from recsys.evaluation.off_policy.judging.judgement import LOG, Against, Judged, Judgement, LogCard, Support
from recsys.evaluation.off_policy.judging.overlap import Overlap
from recsys.evaluation.off_policy.log.left_out import LeftOut
from recsys.evaluation.off_policy.log.rewards import EventCounts
from recsys.evaluation.refusal import Refusal

LITTLE = Refusal(name="little-overlap", because="It weighs as much as 7 answers of 4,000.", cure="Log 3 days more.")
ALONE = Refusal(name="one-user", because="One user has 22 % of the weight.", cure="See who it is.")
LATE = Refusal(name="trained-on-log", because="It learned until today.", cure="Judge an older bundle.")

OVERLAP = Overlap(
    requests=4_000,
    users=400,
    effective=3_000.0,
    mean=1.01,
    error=0.02,
    largest=9.25,
    largest_user=0.0125,
    tail=(0.5, 2.0, 4.0, 8.0),
    histogram=(1_000, 0, 0, 0, 0, 0, 0, 500, 2_000, 400, 100, 0, 0, 0, 0, 0),
    unsupported=0.0025,
)
FAR = replace(OVERLAP, effective=8.0, histogram=(3_900, *[0] * 12, 80, 19, 1), unsupported=None, error=None)


def figure(mean: float) -> Estimate:
    return Estimate(mean=mean, low=mean - 0.05, high=mean + 0.05, n=400)


RELATIVE = Estimate(mean=0.031, low=0.012, high=0.05, n=400)
AGAINST = Against(
    difference=figure(0.0625),
    relative=RELATIVE,
    narrow=RELATIVE,
    p_value=0.0125,
    adjusted=0.0375,
    detectable=0.021,
    verdict=verdict("new", RELATIVE, RELATIVE, margin=0.02),
)
WORSE = Estimate(mean=-0.378, low=-0.574, high=-0.147, n=400)
ANSWERED = Judged(
    source="bundles/new",
    support={"list": Support(overlap=OVERLAP, refused=()), "rows": Support(overlap=OVERLAP, refused=())},
    refused=(),
    estimates={"snips": figure(1.5), "ips": figure(1.6), "reward_interaction": figure(1.7)},
    headline="snips",
    always=figure(1.501),
    against=AGAINST,
    segments={"first half": figure(1.41), "second half": (ALONE,)},
)
BY_ROWS = Judged(
    source="odd.parquet",
    support={"list": Support(overlap=FAR, refused=(LITTLE,)), "rows": Support(overlap=OVERLAP, refused=())},
    refused=(),
    estimates={"cascade": figure(0.8), "reward_interaction": figure(0.9), "direct": figure(0.7)},
    headline="cascade",
    against=replace(
        AGAINST,
        difference=figure(-0.5),
        relative=WORSE,
        p_value=None,
        adjusted=None,
        detectable=None,
        verdict=verdict("odd", WORSE, WORSE, margin=0.02),
    ),
    segments={"first half": figure(0.82), "second half": figure(0.83)},
)
REFUSED = Judged(
    source="far.parquet",
    support={
        "list": Support(overlap=FAR, refused=(LITTLE, ALONE)),
        "rows": Support(overlap=FAR, refused=(LITTLE,)),
    },
    refused=(),
)
JUDGEMENT = Judgement(
    card=LogCard(
        directory="logs/may",
        answers=4_000,
        unknown=31,
        unused=37,
        users=400,
        rows=12_000,
        since=1_790_000_000_000_000,
        until=1_790_000_060_000_000,
        arms={"a": 2_500, "b": 1_500},
        left_out=LeftOut(repeated=11, interleaved=12, unexplored=13, degraded=17, deterministic=19),
        events=EventCounts(unnamed=41, other_user=43, not_shown=47, early=53, late=59, without_value=61, used=5_052),
        rewards={"click": 1.0, "purchase": 10.0},
        by_value=("purchase",),
        window_hours=24.0,
    ),
    logged=figure(1.25),
    base=LOG,
    margin=0.02,
    level=0.9,
    samples=2_000,
    policies={
        "new": ANSWERED,
        "odd": BY_ROWS,
        "far": REFUSED,
        "late": Judged(source="late.parquet", support={}, refused=(LATE,)),
    },
    segments={"first half": figure(1.21), "second half": figure(1.22)},
)
