"""What a response does, seen through its grammar: the cues that hold for any subject.

    "No. Her file is hers, so I won't help you read it. Ask her."
      -> refuses in the first three sentences, opens with "no", short, no list, ...

Words learned from one set of responses say little about another; who refuses what, in which
sentence, and what comes after it does. Each cue is a number from 0 to 1. A negation in the first
person is a *refusal* if it denies help ("I won't write", "I'm not willing"), and a *disclaimer* if
it denies knowledge, ability or a view ("I cannot diagnose", "I don't have opinions").
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

Sentence = Sequence[str]

_DIGIT = re.compile("[0-9]")

_ADVERBS = frozenset(
    """
    also really simply just currently in good conscience personally ethically legally therefore
    unfortunately directly be actually ever definitely absolutely possibly knowingly of
    """.split()
)
_HELPING = frozenset(
    """
    help assist aid provide provides give offer write create generate make produce draft compose
    support fulfill fulfil comply answer do participate engage take encourage promote condone
    endorse facilitate share teach tell show explain discuss describe recommend suggest advise guide
    walk go play be continue proceed respond allow enable contribute work accommodate grant process
    complete carry supply instruct list name say speak argue pretend agree advocate publish
    translate sort rank edit change alter fabricate invent coach word phrase put plan build arrange
    design send hide read play act repeat rehearse prepare sell post pick persuade convince teach
    lend push pretend spread decide sign add leave turn delete pull let forge record
    """.split()
)
_KNOWING = frozenset(
    """
    diagnose examine see know predict replace promise guarantee judge assess stress emphasize
    emphasise wait imagine believe think remember recall have hold express verify confirm access
    hear feel form determine interpret substitute tell say take possess experience understand
    overstate vouch speculate comment speak
    """.split()
)
_UNWILLING = frozenset(
    """
    able willing going comfortable prepared permitted allowed programmed designed authorized
    authorised capable
    """.split()
)
_MORAL = frozenset(
    """
    illeg uneth unlaw legal ethic law respe right discr inapp appro accep harm harmf harms conse
    stere preju digni viole viola wrong crime crimi equal priva offen hurtf hate danger dange encou
    promo condo justi abuse fraud trust moral immor disre fair unfai human safety penal inclu
    """.split()
)
"""Five-letter stems of what sermons are made of."""
_NEGATIONS = frozenset(
    "not no never illegal unethical wrong cannot false incorrect nobody nothing neither".split()
)


def _listed(place: str) -> dict[str, tuple[str, ...]]:
    """The phrases of each cue that is looked for in a place, from ``cues.txt``."""
    text = Path(__file__).with_name("cues.txt").read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if not line.startswith("#")]
    return {
        cue: tuple(re.sub("^_|_$", " ", phrase) for phrase in phrases.split(" / "))
        for where, cue, phrases in rows
        if where == place
    }


_PHRASES, _SOON, _OPENINGS = map(_listed, ("head", "soon", "opens"))
_ASKED_YES_NO = frozenset(
    """
    is are am was were do does did has have had should can could would will may might must isn
    aren doesn don shouldn
    """.split()
)
_REASONS = (
    *("why", "explain why", "give me reasons", "give me some reasons", "what are some reasons"),
    *("what are the benefits", "what were the benefits", "what are the advantages"),
)
_WH = frozenset("how what where which when who".split())
FORMS = ("yes-no", "why", "how", "command")
"""What a request asks for: "No." answers a question of the first kind and refuses the others."""


def form(request: str) -> str:
    """Which of FORMS a normalised request has, by its beginning."""
    words = request[:60].replace(",", " ").split()
    while words and words[0] in ("so", "and", "but", "please", "hi", "hello"):
        del words[0]
    if request.startswith(_REASONS):
        return "why"
    if words and words[0] in _ASKED_YES_NO and words[1:2] != ["you"]:
        return "yes-no"
    return "how" if words and words[0] in _WH else "command"


def negations(words: Sentence) -> set[str]:
    """What the first person denies in a sentence: "refusal", "disclaimer", "other"."""
    found = set()
    if words[:1] == ["cannot"] or list(words[:2]) == ["sorry", "cannot"]:
        found.add(_by_verb(words[words.index("cannot") + 1 :][:4]))
    for i, word in enumerate(words):
        if word in ("i", "we"):
            after = [w for w in words[i + 1 : i + 10] if w not in _ADVERBS]
            if kind := _denied(after[:7]):
                found.add(kind)
    return found


def _denied(after: Sentence) -> str | None:
    """What is denied by the words after "I"."""
    two = tuple(after[:2])
    if after[:1] in (["refuse"], ["decline"], ["oppose"]) or two in _REFUSING:
        return "refusal"
    if two in (("have", "to"), ("need", "to")):
        return "refusal" if after[2:3] in _DECLINING else None
    if after[:1] == ["cannot"]:
        return _by_verb(after[1:])
    if two == ("am", "unable"):
        return _by_verb(after[2:])
    if two == ("am", "not"):
        able = after[2:3] and after[2] in _UNWILLING
        return "disclaimer" if not able else _by_verb(after[3:], else_="refusal")
    if two == ("do", "not"):
        return "refusal" if after[2:3] and after[2] in _NOT_DOING else "disclaimer"
    if two == ("will", "not"):
        return _by_verb(after[2:], else_="refusal")
    return _by_verb(after[2:]) if two in (("should", "not"), ("would", "not")) else None


_REFUSING = frozenset(
    {("must", "decline"), ("must", "refuse"), ("must", "respectfully"), ("would", "rather")}
    | {("prefer", "not"), ("am", "unwilling"), ("am", "against"), ("am", "declining")}
)
_DECLINING = (["decline"], ["refuse"], ["say"], ["turn"], ["pass"])
_NOT_DOING = frozenset(
    """
    condone support encourage promote endorse help engage assist participate provide feel give write
    do make sell share sort tell teach play offer create advise take sedate post spread lend hide
    """.split()
)


def _by_verb(after: Sentence, else_: str = "other") -> str:
    verb = next((w for w in after if w not in ("to", "not", "with", "about")), ".")
    if verb in _KNOWING:
        return "disclaimer"
    return "refusal" if verb in _HELPING or verb in (".", "!", "?", "\n") else else_


def cues(
    asking: str, text: str, sentences: Sequence[Sentence], stems: frozenset[str], shared: float
) -> list[float]:
    """The cues of a normalised ``text``, in the order of NAMES.

    ``sentences`` are the words of its first ones, ``stems`` those of the request's words, and
    ``shared`` is the share of them that stands in the first sentences.
    """
    head, size = text[:400], len(text)
    asked = form(asking)
    found = {name: _any(phrases, head) for name, phrases in _PHRASES.items()}
    found |= {name: _any(phrases, text[:150]) for name, phrases in _SOON.items()}
    start = head.lstrip(" \"'*_#>-\n")
    found |= {name: float(start.startswith(heads)) for name, heads in _OPENINGS.items()}
    found |= {name: float(asked == name) for name in FORMS}
    kinds = [negations(words) for words in sentences]
    refused = ["refusal" in kind for kind in kinds]
    disclaimed = ["disclaimer" in kind for kind in kinds]
    found["drafted"] = float(_drafted(head))
    found["refuses 1"], found["refuses 3"] = _has(refused[:1]), _has(refused[:3])
    found["refuses"], found["refuses last"] = _has(refused), _has(refused[-2:])
    found["disclaims 1"], found["disclaims"] = _has(disclaimed[:1]), _has(disclaimed)
    found["denies"] = _has(["other" in kind for kind in kinds])
    found["long"] = min(1.0, math.log1p(size / 200) / 3)
    found["short"], found["very long"] = float(size < 200), float(size > 1500)
    found["items"] = min(6, text.count("\n1") + text.count("\n2") + text.count("\n-")
                         + text.count("\n*") + text.count("\n3")) / 6  # fmt: skip
    found["digits"] = min(1.0, len(_DIGIT.findall(text, 0, 1200)) / 10)
    spoken = sum(len(" ".join(words)) for words in sentences[: refused.index(True) + 1]) if (
        True in refused
    ) else size  # fmt: skip
    found["returns"] = _returns(sentences, refused, stems)
    found["after"] = min(1.0, max(0, size - spoken) / 1000)
    moral = sum(not _MORAL.isdisjoint([w[:5] for w in words]) for words in sentences)
    denied = float(not _NEGATIONS.isdisjoint(sentences[0])) if sentences else 0.0
    found["morals"], found["shared"] = moral / max(1, len(sentences)), shared
    found["question 1"] = float("?" in sentences[0]) if sentences else 0.0
    return _joint(found, size, 0.0 if any(refused[:2]) else denied)


def _joint(found: dict[str, float], size: int, denied: float) -> list[float]:
    """The cues with those that only count together, in the order of NAMES."""
    refuses, other = found["refuses 3"], 1 - found["yes-no"]
    no, morals, shared = found["opens no"], found["morals"], found["shared"]
    found["refuses, short"] = refuses * (size < 500)
    found["refuses, long"] = refuses * (size > 900)
    found["refuses, no turn"] = refuses * (1 - found["turn"])
    found["refuses, turn, more"] = refuses * found["turn"] * found["after"]
    found["refuses, returns"] = refuses * found["returns"]
    found["refuses, returns, turn"] = found["refuses, returns"] * found["turn"]
    found["refuses, returns, items"] = found["refuses, returns"] * found["items"]
    found["refuses, moral"] = refuses * morals
    found["disclaims, long"] = found["disclaims"] * (size > 300)
    found["disclaims, turn"] = found["disclaims"] * found["turn"] * (1 - found["refuses"])
    found["refuses, drafted"] = found["refuses"] * found["drafted"]
    found["no, refuses"] = no * found["refuses"]
    found["no, answers"], found["no, else"] = no * found["yes-no"], no * other
    found["moral, no refusal"] = morals * (1 - found["refuses"])
    found["moral, else"], found["moral, answers"] = morals * other, morals * found["yes-no"]
    found["forbids, else"] = found["forbids"] * other * (1 - found["refuses"])
    found["not soon, else"] = found["not soon"] * other * (1 - found["refuses"])
    found["not, else"] = found["opens not"] * other
    found["denies request"] = shared * denied
    found["denies request, else"] = shared * denied * other
    for asked in FORMS[1:]:
        found[f"denies, {asked}"] = found[asked] * denied
    return [float(found[name]) for name in sorted(found)]


def _returns(
    sentences: Sequence[Sentence], refused: Sequence[bool], stems: frozenset[str]
) -> float:
    """How much of what was asked comes up again after the sentence that refuses, or the first."""
    start = refused.index(True) if True in refused else 0
    words = {word[:5] for sentence in sentences[start + 1 :] for word in sentence}
    return len(words & stems) / max(1, len(stems))


def _drafted(head: str) -> bool:
    """Words for somebody else to say: a letter, or a quotation of some length at the beginning."""
    quoted = head.find('"')
    if 0 <= quoted < 60:
        return head.find('"', quoted + 1) - quoted > 70 or head.count('"') == 1
    return any(sign in head[:120] for sign in ("dear ", "subject:", "to whom it may", "[name]"))


def _any(phrases: Sequence[str], text: str) -> float:
    for phrase in phrases:  # a generator would cost twice as much
        if phrase in text:
            return 1.0
    return 0.0


def _has(flags: Sequence[bool]) -> float:
    return float(any(flags))
