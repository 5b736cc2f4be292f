"""Ray Train runs the same loop."""

import pytest

from tests.tiny import SHORT, silent

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def files(directory):
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_one_worker_gives_what_this_process_gives(corpus, base, quick, tmp_path):
    from recsys.text import distributed
    from recsys.text.finetune import finetune

    alone, ray_out = tmp_path / "alone", tmp_path / "ray"
    alone.mkdir()
    ray_out.mkdir()
    finetune(corpus, base=base, encoder=SHORT, config=quick(), workdir=tmp_path / "w1", progress=silent).save(alone)
    seen = []
    distributed.run(
        corpus,
        base=base,
        encoder=SHORT,
        config=quick(),
        workdir=tmp_path / "w2",
        out=ray_out,
        progress=lambda done, total, metrics: seen.append((done, total)),
    )
    assert files(alone) == files(ray_out)
    assert seen[-1] == (10, 10)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_two_workers_agree_and_an_error_keeps_its_sentence(corpus, base, quick, tmp_path):
    from recsys.errors import TrainingError
    from recsys.text import distributed
    from recsys.text.encoder import TransformerEncoder

    out = tmp_path / "teacher"
    out.mkdir()
    where = {"base": base, "encoder": SHORT, "out": out, "progress": silent}
    distributed.run(corpus, config=quick(workers=2), workdir=tmp_path / "w", **where)
    assert TransformerEncoder.load(out).dim == 32
    with pytest.raises(TrainingError, match="Expected users who take something new after their first event"):
        distributed.run(corpus.until(0), config=quick(), workdir=tmp_path / "v", **where)
