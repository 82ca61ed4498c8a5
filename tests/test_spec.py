import json
from dataclasses import replace
from typing import Any

import pytest

from fakes import SPEC
from mien import ModelError, ModelSpec, Score
from mien.labels import FERPLUS_EMOTIONS
from mien.spec import METADATA_KEY


def read(text: str) -> ModelSpec:
    return ModelSpec.from_metadata({METADATA_KEY: text}, source="some.onnx")


def changed(**changes: Any) -> str:
    return json.dumps({**json.loads(SPEC.to_json()), **changes})


def test_a_file_of_before_votes_and_temperatures_is_read() -> None:
    values = json.loads(SPEC.to_json())
    for name in ("votes_labels", "temperature_fitted_on", "store", "members"):
        del values[name]
    del values["scores"]["val"]["expected_calibration_error"]

    assert read(json.dumps(values)) == SPEC
    assert SPEC.scores["val"].expected_calibration_error is None


def test_it_is_one_line_of_json_and_read_back_equal() -> None:
    full = replace(
        SPEC,
        votes_labels=FERPLUS_EMOTIONS,
        temperature=1.25,
        temperature_fitted_on="faces val (7 images)",
        store="fp16",
        scores={"val": Score(7, 0.5, 0.25, 0.125)},
    )
    for spec in (SPEC, full, ModelSpec.of_members([full, SPEC])):
        assert "\n" not in spec.to_json()
        assert json.loads(spec.to_json())["name"] == spec.name
        assert read(spec.to_json()) == spec


def test_members_add_up() -> None:
    other = replace(SPEC, name="other", parameters=5, macs=7, network="sum", store="int8")
    both = ModelSpec.of_members([SPEC, other])

    assert (both.name, both.network, both.store) == ("tiny+other", "matrix+sum", "fp32+int8")
    assert both.parameters == SPEC.parameters + 5
    assert both.macs == SPEC.macs + 7
    assert (both.recipe, both.trained_on, both.license) == ("none", "nothing", "MIT")
    assert both.scores == {}
    assert both.members == (SPEC, other)


def test_an_ensemble_has_votes_where_all_members_have_them() -> None:
    with_votes = replace(SPEC, votes_labels=FERPLUS_EMOTIONS)

    assert ModelSpec.of_members([with_votes, with_votes]).votes_labels == FERPLUS_EMOTIONS
    assert ModelSpec.of_members([with_votes, SPEC]).votes_labels == ()


def test_a_file_of_another_tool_or_format_is_refused() -> None:
    with pytest.raises(ModelError, match=r"some\.onnx: expected a model made by `mien export`"):
        ModelSpec.from_metadata({"author": "somebody"}, source="some.onnx")
    with pytest.raises(ModelError, match="expected format 1; got 99"):
        read(changed(format=99))


NUMBER, WHOLE = "expected a number of 0 or more", "expected a whole number of 0 or more"
OUT_OF_RANGE = {"val": {"n": 1, "accuracy": 2.0, "macro_f1": 0.5}}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *((text, "") for text in ("", "{", "[]", "7", "null", '{"format": 1}', '{"name": "no"}')),
        (SPEC.to_json()[:-1] + ', "members": ' + 9_000 * "[" + "}", ""),
        *((changed(**{name: 7}), "") for name in ("unheard_of", "labels", "votes_labels")),
        *((changed(members=[7]), ""), (changed(scores=[1]), "")),
        (changed(scores={"val": {"n": 1}}), ""),
        (changed(scores=OUT_OF_RANGE), f"accuracy: {NUMBER}, at most 1; got 2.0"),
        (changed(name=["a", "b"]), "name: expected a text; got ['a', 'b']"),
        (changed(crop_margin=[1]), f"crop_margin: {NUMBER}, at most 1; got [1]"),
        (changed(crop_margin=1e308), f"crop_margin: {NUMBER}, at most 1"),
        (changed(temperature=float("nan")), f"temperature: {NUMBER}; got nan"),
        (changed(temperature=10**400), f"temperature: {NUMBER}; got 1000"),
        (
            changed(parameters="many"),
            f"parameters: {WHOLE}; got 'many'",
        ),
        (changed(epoch=True), f"epoch: {WHOLE}; got True"),
        (changed(labels=["angry", {}]), "labels: expected texts; got ('angry', {})"),
    ],
)
def test_what_cannot_be_understood_is_a_model_error(text: str, why: str) -> None:
    with pytest.raises(ModelError, match=r"some\.onnx: .*cannot be read") as caught:
        read(text)
    assert why in str(caught.value)
