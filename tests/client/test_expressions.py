"""Values on the command line: calls with constants are read, and nothing else is ever evaluated."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import reverie
from reverie import optimizers, parametrizations, schedules, spec, transforms
from reverie._command.expressions import several, single
from reverie._command.failure import Failure
from reverie.transforms import between, jitter, one_of, pad, rotate, scale

# A text, and the list that it stands for.
LISTS: list[tuple[str, list[Any]]] = [
    ("pad(12)", [pad(12)]),
    ("pad(12), jitter(8), scale((0.9, 1.1))", [pad(12), jitter(8), scale((0.9, 1.1))]),
    ("  pad( 12 ) ,jitter(8),  ", [pad(12), jitter(8)]),
    ("(pad(12), jitter(8))", [pad(12), jitter(8)]),
    ("pad(px=12, mode='reflect')", [pad(12, mode="reflect")]),
    ('pad(12, mode="reflect", value=None)', [pad(12, mode="reflect")]),
    ("scale([0.9, 1.1])", [scale((0.9, 1.1))]),
    ("scale(0.5, separate=True)", [scale(0.5, separate=True)]),
    ("scale(one_of(0.9, 1, 1.1)), rotate(between(-5, +5))", [scale(one_of(0.9, 1, 1.1)), rotate(between(-5, 5))]),
    ("rotate((-1e1, 0x0a))", [rotate((-10.0, 10))]),
    ("flip(), noise(0.1), noise(low=-.5, high=.5)", [
        transforms.flip(),
        transforms.noise(0.1),
        transforms.noise(low=-0.5, high=0.5),
    ]),
    ("flip, pad(1)", [transforms.flip(), pad(1)]),  # a name is a call without arguments
    ("center((32, 48)), resize(size=64)", [transforms.center((32, 48)), transforms.resize(size=64)]),
    ("()", []),
]  # fmt: skip

# A text, the module, and the value that it stands for.
SINGLE: list[tuple[str, ModuleType, Any]] = [
    ("maco", parametrizations, "maco"),
    (" one_cycle ", schedules, "one_cycle"),
    ("smell", optimizers, "smell"),  # for the server to refuse, with the names that it knows
    ("maco()", parametrizations, parametrizations.maco()),
    ("fourier(decay_power=1.5)", parametrizations, parametrizations.fourier(decay_power=1.5)),
    (
        "maco(magnitude=power_law(slopes=(1, 1, 1), scales=[2, 2, 2]), ddof=1)",
        parametrizations,
        parametrizations.maco(
            magnitude=parametrizations.power_law(slopes=(1, 1, 1), scales=(2, 2, 2)),
            ddof=1,
        ),
    ),
    ("multi_resolution(resolutions=[1, 5])", parametrizations, parametrizations.multi_resolution(resolutions=(1, 5))),
    ("sgd(momentum=0.9, normalization='none')", optimizers, optimizers.sgd(momentum=0.9, normalization="none")),
    ("cosine(warm_up=10)", schedules, schedules.cosine(warm_up=10)),
]  # fmt: skip

NOT_READ = "cannot be read: write "
NOT_CONSTANT = "is not a number, a text in quotes, or a list"
# A text that is refused, and a part of the sentence.
WRONG = [
    ("", NOT_READ),
    ("   ", NOT_READ),
    ("pad(12", NOT_READ),
    ("pad(12))", NOT_READ),
    ("pad 12", NOT_READ),
    ("pad(12) jitter(8)", NOT_READ),
    ("pad(12); jitter(8)", NOT_READ),
    ("pad(12)\njitter(8)", NOT_READ),
    ("x = pad(12)", NOT_READ),
    ("import os", NOT_READ),
    ("pad(\0)", NOT_READ),
    ("pad(px=1, 2)", NOT_READ),
    ("12", NOT_READ),
    ("'pad(12)'", NOT_READ),
    ("[pad(12)]", NOT_READ),
    ("{pad(12)}", NOT_READ),
    ("pad(12), 12", NOT_READ),
    ("pad(12) + jitter(8)", NOT_READ),
    ("*pad(12)", NOT_READ),
    ("pad(12).kind", NOT_READ),
    ("pad.__class__(12)", NOT_READ),
    ("pad(12)()", NOT_READ),
    ("transforms.pad(12)", NOT_READ),
    ("lambda: pad(12)", NOT_READ),
    ("[pad(n) for n in (1, 2)]", NOT_READ),
    ("jiter(8)", "there is no 'jiter'; did you mean jitter"),
    ("Jitter(8)", "there is no 'Jitter'; did you mean jitter"),
    ("pad(12), jiter(8)", "there is no 'jiter'; did you mean jitter"),
    ("scale(beetween(0, 1))", "there is no 'beetween'; did you mean between"),
    ("zzz(8)", "there is no 'zzz'; there are one_of, between, pad, jitter,"),
    ("print(8)", "there is no 'print'; "),
    ("Transform('pad')", "there is no 'Transform'; "),
    ("Number(8)", "there is no 'Number'; "),
    ("scale(float('nan'))", "there is no 'float'; "),
    ("fourier()", "there is no 'fourier'; "),
    ("pad()", "pad() missing 1 required positional argument: 'px'"),
    ("pad, jitter(8)", "pad() missing 1 required positional argument: 'px'"),
    ("pad(1, 2)", "pad() takes 1 positional argument but 2 were given"),
    ("pad(1, px=2)", "pad() got multiple values for argument 'px'"),
    ("pad(1, width=2)", "pad() got an unexpected keyword argument 'width'"),
    ("pad(**{'px': 2})", "pad() got an unexpected keyword argument"),
    ("pad(*[1])", f"*[1] {NOT_CONSTANT}"),
    ("scale(nan)", f"nan {NOT_CONSTANT}"),
    ("scale((0.9, inf))", f"(0.9, inf) {NOT_CONSTANT}"),
    ("scale(x := 1)", f"x := 1 {NOT_CONSTANT}"),
    ("scale(2 * 3)", f"2 * 3 {NOT_CONSTANT}"),
    ("pad(9**9**9**9)", f"9**9**9**9 {NOT_CONSTANT}"),
    ("pad(f'{1}')", NOT_CONSTANT),
    ("pad(pad)", f"pad {NOT_CONSTANT}"),
    ("pad([n for n in (1, 2)])", NOT_CONSTANT),
    ("pad((between(0, 1), 2))", NOT_CONSTANT),
    ("pad({[]: 1})", "unhashable"),
]

# Code that makes a file or a folder if it is evaluated.
CODE = [
    "__import__('os').system('touch evil')",
    "pad(__import__('os').system('touch evil'))",
    "pad(px=__import__('os').mkdir('evil'))",
    "pad((1, __import__('os').system('touch evil')))",
    "pad([open('evil', 'w')])",
    "pad({open('evil', 'w'): 1})",
    "pad(open('evil', 'w'))",
    "open('evil', 'w')",
    "exec('open(\\'evil\\', \\'w\\')')",
    "pad(eval('open(\\'evil\\', \\'w\\')'))",
    "pad(*open('evil', 'w'))",
    "pad(**open('evil', 'w'))",
    "pad(f'{__import__(str().join([chr(111), chr(115)])).mkdir(str(1))}')",
    "pad(1 if open('evil', 'w') else 2)",
    "(lambda: open('evil', 'w'))()",
    "pad.__globals__['__builtins__']['open']('evil', 'w')",
    "pad(1)[open('evil', 'w')]",
    "[open('evil', 'w') for _ in (1,)]",
]

# Texts that are deep or long, some of which are values.
DEEP = {
    "parentheses": "({})",
    "calls": "pad({})",
    "minus": "-{}",
    "not": "not {}",
    "sums": "1+{}",
    "powers": "1**{}",
    "attributes": "{}.b",
    "subscripts": "{}[0]",
    "lambdas": "lambda: {}",
    "conditions": "1 if 1 else {}",
    "lists": "[{}]",
}

# Numbers that can be read but not sent, and what is named.
HUGE = [
    ("pad(1e400)", "spec.transforms.steps[0].pad.px"),
    ("pad(-1e400)", "spec.transforms.steps[0].pad.px"),
    (f"pad({2**31})", "spec.transforms.steps[0].pad.px"),
    (f"pad(0x{'f' * 6000})", "spec.transforms.steps[0].pad.px"),
    (f"scale(0x{'f' * 6000})", "spec.transforms.steps[0].scale.factor"),
    ("pad(1j)", "spec.transforms.steps[0].pad.px"),
    ("pad(...)", "spec.transforms.steps[0].pad.px"),
    ("pad(b'12')", "spec.transforms.steps[0].pad.px"),
    ("pad(None)", None),
    ("scale(1e39)", "spec.transforms.steps[0].scale.factor"),
    ("scale('nan')", "spec.transforms.steps[0].scale.factor"),
    ("jitter(1), scale((0.9, 1e400))", "spec.transforms.steps[1].scale.factor"),
    ("blur((0, 1e400))", "spec.transforms.steps[0].blur.deviation"),
    ("scale(one_of(1, 1e400))", "spec.transforms.steps[0].scale.factor.set.values[1]"),
    ("one_of(1, 2)", "spec.transforms.steps[0]"),
]


@pytest.mark.parametrize(("text", "expected"), LISTS, ids=[text for text, _ in LISTS])
def test_calls_are_read_in_order(text: str, expected: list[Any]) -> None:
    assert several(text, transforms, "--transforms") == expected


def test_a_mere_name_is_that_of_a_set() -> None:
    assert several(" lucid ", transforms, "--transforms") == "lucid"
    assert several("pad", transforms, "--transforms") == "pad"


@pytest.mark.parametrize(("text", "module", "expected"), SINGLE, ids=[text for text, _, _ in SINGLE])
def test_a_name_or_a_call_is_read(text: str, module: ModuleType, expected: Any) -> None:
    assert single(text, module, "--option") == expected


@pytest.mark.parametrize(("text", "words"), WRONG, ids=[repr(text) for text, _ in WRONG])
def test_a_wrong_text_is_a_sentence_that_names_the_option(text: str, words: str) -> None:
    with pytest.raises(Failure) as refused:
        several(text, transforms, "--transforms")
    assert refused.value.exit_code == 2
    assert refused.value.message.startswith("--transforms")
    assert words in refused.value.message
    assert " object at 0x" not in refused.value.message


@pytest.mark.parametrize("text", ["fourier(), pixel()", "()", "fourier(1)", "12", "forier()"])
def test_a_single_value_is_one_call(text: str) -> None:
    with pytest.raises(Failure, match=r"^--parametrization"):
        single(text, parametrizations, "--parametrization")


@pytest.mark.parametrize("text", CODE)
def test_code_is_never_evaluated(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for read in (several, single):
        with pytest.raises(Failure):
            read(text, transforms, "--transforms")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", [50, 150, 250, 500, 1000, 3000, 50_000])
@pytest.mark.parametrize("shape", list(DEEP))
def test_a_deep_text_is_a_value_or_a_sentence(shape: str, depth: int) -> None:
    before, after = DEEP[shape].split("{}")
    inner = before * depth + "1" + after * depth
    for text in (inner, f"scale({inner})"):
        with suppress(Failure):
            several(text, transforms, "--transforms")


@pytest.mark.parametrize("digits", [4000, 5000, 100_000])
def test_a_number_of_thousands_of_digits_is_refused(digits: int) -> None:
    made: Any = None
    with suppress(Failure):  # Python reads decimal numbers of up to 4300 digits
        made = several(f"pad({'9' * digits})", transforms, "--transforms")
    if digits < 4300:
        refuse(made, "spec.transforms.steps[0].pad.px")
    else:
        assert made is None


@pytest.mark.parametrize(("text", "field"), HUGE, ids=[text[:40] for text, _ in HUGE])
def test_a_number_that_no_field_holds_is_named(text: str, field: str | None) -> None:
    refuse(several(text, transforms, "--transforms"), field)


def refuse(made: Any, field: str | None) -> None:
    """Check that transforms cannot be sent because of a field, or that they can if it is None."""
    picture = reverie.Spec("tiny", reverie.channel("c", 1), transforms=made)
    if field is None:
        spec.to_message(picture)
        return
    with pytest.raises(reverie.InvalidRequest) as refused:
        spec.to_message(picture)
    assert [violation.field for violation in refused.value.violations] == [field]
