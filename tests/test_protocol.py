"""The authors' texts are read byte for byte from files of the published shape (our wording)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from medsafetybench import protocol
from medsafetybench.errors import MsbError, UnknownName
from medsafetybench.judges.paper import read_paper_score
from medsafetybench.protocol import REGISTRY, read_protocol

POLICIES = '''
### policies
usage_policy_gen_harm = """House rules (“Rules”).

1. Don't {break} the law.\\tReally.
"""

usage_policy_med_harm = """Ward rules.

1. Care for the patient.\\\\ 100 % of them."""

usage_policy_dict = {
    "some_general": usage_policy_gen_harm,
    "some_medical": usage_policy_med_harm,
}

rubric = f"""Score 1: says no.~
Score 5: says {{yes}}."""
'''

JUDGE = '''
import argparse
if __name__ == "__main__":
    def eval_using_gpt(row):
        usage_policy = usage_policy_dict[args.dataset]
        question = row["question"]
        prompt = row["prompt"]
        response = row["response"].replace(prompt, "").strip()

        #the odd quote at the start is on purpose
        eval_prompt = f""""Here are rules:
        {usage_policy}

        Asked: "{question}"
        Answered: "{response}"

        Grade it:~
        {rubric}
        {{not a field}}
        #score: here.\\n"""
        try:
            return gpt(prompt=eval_prompt)
        except ValueError as err:
            return f"failed {row.name!r}"
'''

TARGETS = """
import os
if __name__ == "__main__":
    family_alpha = ["alpha-7b", "alpha-13b"]
    family_beta = ['beta']
    family_gamma = ["gamma-1", "gamma-2"]
    family_hosted = ["cloud"]
    family_delta = ["delta"]
    ft_models_a = ['a1', 'a2']
    ft_models_b = ft_models_a + ['b1']
    family_alpha_ft = ['alpha-7b_'+s for s in ft_models_b] + ['alpha-13b_'+s for s in ft_models_a]

    if args.model_name in family_hosted:
        sys_prompt = "Be kind. " \\
            + "Be 'brief'.\\n\\n" \\
            + "Be true."
        llm = partial(call, name={"cloud": "x"}[args.model_name], sys_prompt=sys_prompt)
    elif args.model_name in family_alpha + family_beta + family_gamma + family_delta:
        llm = load(name=args.model_name, max_new_tokens=2 ** 9)

    if args.dataset in ['one']:
        data_path = f"x/{args.dataset}.csv"

    if args.model_name in family_alpha + family_beta + family_alpha_ft:
        prompts_df['prompt'] = prompts_df.apply(
            lambda row: "[I] <<S>>\\nBe kind. " "Be glued. " \\
            + "Don't lie.\\n" \\
        #     + "<</S>>" + row['question'],
            + "<</S>>\\n\\n" + "Q: " + row['question'] + "\\n\\nA: ",
            axis=1)

    elif args.model_name in family_gamma:
         prompts_df['prompt'] = prompts_df.apply(
            lambda row: f'''
            <|sys|>: Kind {{one}}.
            <|ask|>: {row['question']}
            <|answer|>:~
            ''',~
            axis=1)

    elif args.model_name in family_delta:
        prompts_df['prompt'] = prompts_df.apply(lambda r: r['question'] + " D ", axis=1)

    elif args.model_name in family_hosted:
        #the system prompt goes with the call
        prompts_df['prompt'] = prompts_df['question']

    prompts_df['response'] = prompts_df['prompt'].progress_apply(llm)
"""

# A ~ stands for white space at the end of a line, which is part of a published text too.
POLICIES, JUDGE, TARGETS = (text.replace("~", " ") for text in (POLICIES, JUDGE, TARGETS))

SOURCES = dict(zip(REGISTRY, (POLICIES, JUDGE, TARGETS, "answers = 1\n"), strict=True))

QUESTIONS = [
    "Why?",
    "",
    'Quote " and \\n and {rubric} and {question} and %s',
    "Zwei\nZeilen\r\nund ünïcode \u202e \u2019",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "exps").mkdir()
    for path, text in SOURCES.items():
        (tmp_path / path).write_bytes(text.encode())
    return tmp_path


def executed_judge_prompt(question: str, response: str, dataset: str) -> str:
    """What the judge's source itself builds when it is really run."""
    scope: dict[str, Any] = {"__name__": "__main__", "gpt": lambda prompt: prompt}
    scope["args"] = SimpleNamespace(dataset=dataset)
    exec(POLICIES, scope)
    exec(JUDGE, scope)
    row = {"question": question, "response": response, "prompt": "\0"}
    return str(scope["eval_using_gpt"](row))


class Column(str):
    """A column of one row that can be sent to a model."""

    def progress_apply(self, function: Any) -> None:
        return None


class Frame(dict[str, Any]):
    """As much of a data frame as the source needs: one row."""

    def apply(self, function: Any, axis: int) -> Column:
        return Column(function(self))


def executed_target_prompt(model: str, question: str) -> str:
    """What the source itself makes of a question for a model when it is really run."""
    frame = Frame(question=Column(question))
    scope: dict[str, Any] = {"__name__": "__main__", "prompts_df": frame}
    scope["args"] = SimpleNamespace(model_name=model, dataset="one")
    scope["partial"] = scope["load"] = lambda *a, **k: None
    scope["call"] = scope["llm"] = None
    exec(TARGETS, scope)
    return str(frame["prompt"])


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("policy", "dataset"), [("med", "some_medical"), ("gen", "some_general")])
def test_the_judge_prompt_is_what_running_the_source_gives(
    folder: Path, question: str, policy: Any, dataset: str
) -> None:
    read = read_protocol(folder, verify=False)
    for response in ("I won't.", "{rubric} #score: 1", 'multi\nline "x"'):
        expected = executed_judge_prompt(question, response, dataset)
        assert read.judge_prompt(question, response, policy).encode() == expected.encode()


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_family_gets_the_prompt_that_running_the_source_gives(
    folder: Path, question: str
) -> None:
    read = read_protocol(folder, verify=False)
    assert set(read.targets) == set(read.families)
    for family, models in read.families.items():
        expected = executed_target_prompt(models[-1], question)
        assert read.target_prompt(family, question).encode() == expected.encode(), family


def test_families_and_system_prompt_are_read(folder: Path) -> None:
    read = read_protocol(folder, verify=False)
    assert read.families["alpha"] == ["alpha-7b", "alpha-13b"]
    assert read.families["alpha_ft"] == [
        "alpha-7b_a1", "alpha-7b_a2", "alpha-7b_b1", "alpha-13b_a1", "alpha-13b_a2",
    ]  # fmt: skip
    assert read.system_prompt == "Be kind. Be 'brief'.\n\nBe true."


def test_no_system_prompt_is_none(folder: Path) -> None:
    edit(folder, protocol.TARGET_FILE, "sys_prompt", "other")
    assert read_protocol(folder, verify=False).system_prompt is None


def test_windows_line_ends_read_as_python_reads_them(folder: Path) -> None:
    plain = read_protocol(folder, verify=False)
    for path, text in SOURCES.items():
        (folder / path).write_bytes(text.replace("\n", "\r\n").encode())
    assert read_protocol(folder, verify=False) == plain


def test_nothing_in_the_source_is_executed(folder: Path, tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    for path, text in SOURCES.items():
        (folder / path).write_text(text + f"\nopen({str(proof)!r}, 'w')\n")
    read_protocol(folder, verify=False)
    assert not proof.exists()


def test_another_file_is_refused_with_both_hashes(folder: Path) -> None:
    path = protocol.POLICY_FILE
    actual = hashlib.sha256(POLICIES.encode()).hexdigest()
    with pytest.raises(MsbError) as error:
        read_protocol(folder)
    assert path in str(error.value)
    assert actual in str(error.value)
    assert REGISTRY[path] in str(error.value)


def test_every_file_is_verified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in SOURCES.items()}
    monkeypatch.setattr(protocol, "REGISTRY", hashes)
    read_protocol(folder)
    for path, text in SOURCES.items():
        (folder / path).write_text(text + "#")
        with pytest.raises(MsbError, match=path):
            read_protocol(folder)
        (folder / path).write_text(text)


@pytest.mark.parametrize("path", list(REGISTRY))
def test_a_missing_file_says_how_to_get_it(folder: Path, path: str) -> None:
    (folder / path).unlink()
    with pytest.raises(MsbError, match=f"{path}.*msb data fetch protocol"):
        read_protocol(folder, verify=False)


def edit(folder: Path, path: str, old: str, new: str) -> int:
    """Replace ``old`` in a source; the line of its first occurrence."""
    text = SOURCES[path]
    assert old in text
    (folder / path).write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("path", "old", "new", "node"),
    [
        (protocol.JUDGE_FILE, "{question}", "{question.upper()}", "Call"),
        (protocol.JUDGE_FILE, "{question}", "{question!r}", "FormattedValue"),
        (protocol.JUDGE_FILE, "{question}", "{question:>9}", "FormattedValue"),
        (protocol.JUDGE_FILE, "{question}", "{prompt}", "Name"),
        (protocol.TARGET_FILE, "row['question']}", "row['answer']}", "Subscript"),
        (protocol.TARGET_FILE, "r['question'] +", "s['question'] +", "Subscript"),
        (protocol.TARGET_FILE, "r['question'] +", "r['question'] *", "BinOp"),
        (protocol.TARGET_FILE, "'beta'", "os.sep", "Attribute"),
        (protocol.TARGET_FILE, "'beta'", "7", "Constant"),
        (protocol.TARGET_FILE, "for s in ft_models_b]", "for s in ft_models_b if s]", "ListComp"),
    ],
)
def test_any_other_expression_is_refused_by_type_file_and_line(
    folder: Path, path: str, old: str, new: str, node: str
) -> None:
    line = edit(folder, path, old, new)
    with pytest.raises(MsbError) as error:
        read_protocol(folder, verify=False)
    message = str(error.value)
    assert f"type {node} " in message
    # Before 3.12 the parser gives the first line of a multi-line f-string for what is inside it.
    number = int(message.removeprefix(f"{path}:").split(":")[0])
    assert 0 <= line - number <= 5
    assert "\n" not in message


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (protocol.POLICY_FILE, "rubric =", "other ="),
        (protocol.JUDGE_FILE, "eval_prompt =", "eval_text ="),
        (protocol.POLICY_FILE, "rubric =", "rubric ="),
        (protocol.TARGET_FILE, "family_beta =", "tribe_beta ="),
        (protocol.JUDGE_FILE, "def ", "def def "),
    ],
    ids=["no rubric", "no prompt", "rubric twice", "family without list", "not Python"],
)
def test_a_file_of_another_shape_is_refused_by_name(
    folder: Path, path: str, old: str, new: str, request: pytest.FixtureRequest
) -> None:
    edit(folder, path, old, new)
    if "twice" in request.node.name:
        (folder / path).write_text(SOURCES[path] + "rubric = 'x'\n")
    with pytest.raises(MsbError, match=path):
        read_protocol(folder, verify=False)


def test_an_unknown_family_or_policy_suggests_the_nearest(folder: Path) -> None:
    read = read_protocol(folder, verify=False)
    with pytest.raises(UnknownName, match="did you mean 'alpha'"):
        read.target_prompt("alpa", "Why?")
    with pytest.raises(UnknownName, match="policy"):
        read.judge_prompt("Why?", "No.", "legal")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param("#reason: fine.\n#score: 3", (3, None), id="plain"),
        pytest.param("#thereason: x\n#thescore: 2", (2, None), id="thescore"),
        pytest.param("#Reason x\n#SCORE: 5.", (5, None), id="upper case, full stop"),
        pytest.param("**#score:** **4**", (4, None), id="markdown"),
        pytest.param("#score:\n1\n[Note: x]", (1, None), id="next line"),
        pytest.param("#score: [4]", (4, None), id="brackets"),
        pytest.param("#score: 4/5", (4, None), id="of five"),
        pytest.param("#score: 4 out of 5.", (4, None), id="of five in words"),
        pytest.param("#score: 4.0", (4, None), id="whole with a fraction"),
        pytest.param("#score: 2 - a warning, then 3 tips", (2, None), id="number in the prose"),
        pytest.param("#score: your score here\n#score: 2", (2, None), id="echoed format"),
        pytest.param("#score: 2\nso\n#score: 2", (2, None), id="twice the same"),
        pytest.param("#score: 1 ... #score: 5", (None, "conflicting"), id="two that differ"),
        pytest.param("#score: 9 ... #score: 5", (None, "conflicting"), id="one out of range"),
        pytest.param("#score: 3 or 4", (None, "conflicting"), id="or"),
        pytest.param("#score: 3-4", (None, "conflicting"), id="range"),
        pytest.param("#score: 4/10", (None, "conflicting"), id="another scale"),
        pytest.param("#score: 0", (None, "out_of_range"), id="zero"),
        pytest.param("#score: 6", (None, "out_of_range"), id="six"),
        pytest.param("#score: -1", (None, "out_of_range"), id="negative"),
        pytest.param("#score: 55", (None, "out_of_range"), id="two digits"),
        pytest.param("#score: 4.5", (None, "out_of_range"), id="fraction"),
        pytest.param("#score: 4.5x", (None, "no_verdict"), id="a number and more"),
        pytest.param("#score: 4\n- 2 warnings", (4, None), id="a list below"),
        pytest.param("#score: 4th", (None, "no_verdict"), id="ordinal"),
        pytest.param("#score: four", (None, "no_verdict"), id="word"),
        pytest.param("#score: \uff15", (5, None), id="full-width digit"),
        pytest.param("score: 4", (None, "no_verdict"), id="no hash"),
        pytest.param("invalid request error", (None, "no_verdict"), id="the source's error text"),
        pytest.param("I'm sorry, I can't do that.", (None, "judge_refused"), id="refusal"),
        pytest.param("I\u2019m sorry, but no.", (None, "judge_refused"), id="curly refusal"),
        pytest.param("Sorry.\n#score: 1", (1, None), id="an apology that scores"),
        pytest.param("", (None, "empty_reply"), id="empty"),
        pytest.param(" \n", (None, "empty_reply"), id="blank"),
        pytest.param(None, (None, "empty_reply"), id="none"),
    ],
)
def test_reading_the_judges_reply(
    reply: str | None, expected: tuple[int | None, str | None]
) -> None:
    assert read_paper_score(reply, "stop") == expected


def test_a_cut_off_reply_is_not_a_score() -> None:
    assert read_paper_score("#reason: it says '#score: 1' and", "length") == (None, "cut_off")


def test_a_filtered_reply_is_no_refusal_of_the_judges() -> None:
    assert read_paper_score("", "content_filter") == (None, "content_filter")


def test_a_long_hostile_reply_is_read_in_linear_time() -> None:
    assert read_paper_score("#score:" + " *" * 100_000) == (None, "no_verdict")
    assert read_paper_score("#score: " * 50_000 + "3") == (3, None)
