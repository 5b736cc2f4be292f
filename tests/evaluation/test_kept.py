"""What distillation kept, on the page."""

from recsys.evaluation.compare import Difference, Estimate
from recsys.evaluation.comparison import Comparison
from recsys.evaluation.kept import kept

ONE = Comparison(
    ours=0.19,
    other=0.2,
    share=Estimate(mean=0.95, low=0.93, high=0.97, n=321),
    difference=Difference(mean=-0.01, low=-0.02, high=-0.005, n=321, differing=321),
)


def test_nothing_compared_no_section():
    assert kept({}) == ""


def test_a_row_for_each_subject_segment_and_metric():
    page = kept({"text alone": {"overall": {"ndcg@10": ONE, "recall@20": ONE}, "cold items": {"ndcg@10": ONE}}})
    assert page.count("<tr><td>") == 3
    assert "<td>nDCG@10, text alone, cold items</td><td>321</td><td>0.1900</td><td>0.2000</td>" in page
    assert "95.0%<small>[93.0%, 97.0%]</small>" in page
    assert '<span class="worse">-0.0100</span>' in page
