from __future__ import annotations

import pytest

from advisor.core.question import USE_CASES, Question, QuestionError


@pytest.mark.parametrize(
    ("field", "value", "because"),
    [
        ("context", -1, "context must be between"),
        ("context", 0, "context must be between"),
        ("users", 0, "users must be between"),
        ("use", "gaming", "unknown use case 'gaming'"),
        ("kv_type", "q3", "unknown KV cache type"),
        ("runtime", "abacus", "unknown runtime"),
        ("depth_tokens", -5, "depth must be between"),
    ],
)
def test_senseless_questions_are_refused_in_one_line(field: str, value: object, because: str) -> None:
    with pytest.raises(QuestionError, match=because) as caught:
        Question(**{field: value})  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_depth_and_prompt_never_exceed_the_context() -> None:
    for use in USE_CASES:
        for context in (1, 100, 8192):
            question = Question(context=context, use=use)
            assert 1 <= question.prompt <= context
            assert 0 <= question.depth <= context


def test_weights_of_every_use_case_sum_to_one() -> None:
    for case in USE_CASES.values():
        total = (
            case.weight_quality
            + case.weight_decode
            + case.weight_prefill
            + case.weight_fit
            + case.weight_context
        )
        assert total == pytest.approx(1)
