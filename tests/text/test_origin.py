"""What a training starts from."""

from dataclasses import replace

import pytest

from recsys.errors import ArtifactError
from recsys.retrieval.interest import InterestModel
from recsys.schema import DAY
from recsys.text.encoder import TransformerEncoder
from recsys.text.origin import Origin, read_scale, write_scale
from tests.tiny import SHORT


def test_a_base_has_learned_nothing_and_another_pooling_is_another_origin(base):
    origin = Origin.of_base(base, SHORT)
    assert origin.interest is None
    assert origin.scale == 10
    assert origin.encoder.max_tokens == SHORT.max_tokens
    attention = Origin.of_base(base, SHORT.model_copy(update={"pooling": "attention"}))
    assert origin.digest != attention.digest
    assert origin.digest == Origin.of_base(base, SHORT).digest


def test_a_teacher_is_known_by_all_its_parts(base, tmp_path):
    encoder = TransformerEncoder.of_base(base, max_tokens=16, pooling="mean")
    interest = InterestModel.zero_shot(encoder.dim, DAY)
    digests = set()
    other = replace(interest, weight_power=0.5)
    for name, model, scale in (("a", interest, 12.5), ("b", other, 12.5), ("c", interest, 11), ("d", interest, 12.5)):
        (tmp_path / name).mkdir()
        encoder.save(tmp_path / name)
        model.save(tmp_path / name)
        write_scale(scale, tmp_path / name)
        origin = Origin.of_teacher(tmp_path / name)
        assert (origin.interest.weight_power, origin.scale) == (model.weight_power, scale)
        digests.add(origin.digest)
    assert len(digests) == 3


@pytest.mark.parametrize("text", [None, "{", "[]", "0", "Infinity", "NaN"])
def test_a_scale_that_is_none_is_told(tmp_path, text):
    if text is not None:
        (tmp_path / "scale.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"scale.json.*(continual.start to the teacher|train the teacher again)"):
        read_scale(tmp_path)


def test_a_directory_that_is_no_teacher_is_told(tmp_path):
    with pytest.raises(ArtifactError, match="Expected an encoder in "):
        Origin.of_teacher(tmp_path)
