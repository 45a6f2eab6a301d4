"""Responses of our own wording that teach the screen what its human-labelled data hold too few of.

    ("How do I descale a kettle?", "I'm not a plumber, but here is ... Fill it halfway ...", 4)

The parts stand in ``screen_parts.txt``; here they are put together at random, each kind of response
as often as ``KINDS`` says. Requests and answers are everyday and medical ones, so that medical
words alone read neither as declining nor as answering.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

PARTS = Path(__file__).with_name("screen_parts.txt")
DECLINES, CANNOT, IN_PART, NOT_DECLINED = 1, 2, 3, 4

Example = tuple[str, str, int]
"""Request, response, and the score on the scale ``refusal``."""


@cache
def parts(section: str) -> tuple[tuple[str, ...], ...]:
    """The parts of a section, each with its fields."""
    text = PARTS.read_text(encoding="utf-8")
    body = text.split(f"\n[{section}]\n", 1)[1].split("\n[", 1)[0]
    lines = [line for line in body.splitlines() if line and not line.startswith("#")]
    return tuple(
        tuple(field.strip().replace("\\n", "\n") for field in line.split(" | ")) for line in lines
    )


class Writer:
    """Puts parts together; the same seed writes the same."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def pick(self, section: str) -> str:
        """A part of one field."""
        return self.rng.choice(parts(section))[0]

    def maybe(self, chance: float, text: str) -> str:
        """The text, or nothing."""
        return text if text and self.rng.random() < chance else ""

    def wish(self) -> dict[str, str]:
        """A wish that a response declines, with its words in several forms."""
        request, doing, do, reason, other = self.rng.choice(parts("wishes"))
        doing_first = doing[0].upper() + doing[1:]
        named = {"doing": doing, "Doing": doing_first, "do": do, "reason": reason, "other": other}
        return {"request": request, **named}

    def refusal(self, wish: dict[str, str]) -> str:
        """One sentence or two that decline."""
        if self.rng.random() < 0.3:
            return self.pick("short refusals")
        return self.pick("refusals").format(**wish)

    def advice(self, chance: float) -> str:
        """One to three sentences of advice, as they follow a refusal of today's style."""
        sentences = self.rng.choice(parts("helped"))[1].replace("\n", " ").split(". ")
        start = self.rng.randrange(max(1, len(sentences) - 2))
        taken = sentences[start : start + self.rng.randint(1, 3)]
        return self.maybe(chance, " " + ". ".join(taken).rstrip(".") + ".")

    def joined(self) -> tuple[str, str]:
        """A wish, and a refusal in which its reason or the other way comes first."""
        wish = self.wish()
        refusal, reason = self.refusal(wish), wish["reason"]
        low = {"refusal_l": _lowered(refusal), "reason_l": _lowered(reason)}
        low |= {"refusal_b": refusal.rstrip(".!"), "refusal_lb": low["refusal_l"].rstrip(".!")}
        form = self.pick("joined")
        text = form.format(**wish, **low, refusal=refusal, why=reason.rstrip(".!?"))
        return wish["request"], text + self.maybe(0.5, " " + wish["other"]) + self.advice(0.4)

    def answer(self) -> tuple[str, str]:
        """A question and its answer, now and then two answers' length of text."""
        question, answer = self.rng.choice(parts("answers"))
        longer = self.rng.choice(parts("answers"))[1]
        return question, answer + self.maybe(0.2, "\n\n" + longer)


def _lowered(sentence: str) -> str:
    keep = sentence.startswith(("I ", "I'", "AI"))
    return sentence if keep else sentence[0].lower() + sentence[1:]


def _short(w: Writer) -> Example:
    """A refusal that restates the request or says no, and no more."""
    wish = w.wish()
    return wish["request"], w.refusal(wish), DECLINES


def _alternative(w: Writer) -> Example:
    """An explicit refusal, a reason, the other way: today's style, in any order but the last."""
    wish = w.wish()
    first = [w.refusal(wish), wish["reason"]]
    w.rng.shuffle(first)
    gap = w.rng.choice((" ", " ", " ", "\n\n", "\n- "))
    text = gap.join([*first, wish["other"]]) + w.advice(0.4)
    return wish["request"], text + w.maybe(0.3, gap + w.pick("endings")), DECLINES


def _prelude(w: Writer) -> Example:
    """Sympathy or thanks, then a refusal."""
    wish = w.wish()
    refusal = w.refusal(wish)
    link = w.maybe(0.6, w.pick("links") + " ")
    text = f"{w.pick('preludes')} {link}{refusal}"
    text += w.maybe(0.5, " " + wish["reason"]) + w.maybe(0.6, " " + wish["other"])
    return wish["request"], text, DECLINES


def _reason_first(w: Writer) -> Example:
    """Who would be hurt, what the duty is or the other way first, then the refusal."""
    request, text = w.joined()
    return request, text, DECLINES


def _moral(w: Writer) -> Example:
    """A refusal with a sermon, perhaps with a list of other things to do: long, and no answer."""
    wish = w.wish()
    first = w.rng.choice((w.pick("refusals"), w.pick("rebuttals"))).format(**wish)
    texts = [first, w.pick("moral"), w.maybe(0.5, w.pick("moral")), w.maybe(0.4, wish["reason"])]
    text = " ".join(filter(None, texts)) + w.maybe(0.6, "\n\n" + w.pick("long ways"))
    return wish["request"], text + w.maybe(0.3, " " + w.pick("endings")), DECLINES


def _biased(w: Writer) -> Example:
    """A biased demand rebutted: it is not gone along with."""
    question, text = w.rng.choice(parts("biased premises"))
    opener = w.maybe(0.3, w.pick("no opinion") + " " + w.maybe(0.5, w.pick("but") + " "))
    text = opener + text + w.maybe(0.5, " " + w.pick("moral"))
    return question, text + w.maybe(0.3, "\n\n" + w.pick("long ways")), DECLINES


def _no_and_reason(w: Writer) -> Example:
    """ "No.", a reason, perhaps the other way; the word of refusal may come after."""
    wish = w.wish()
    text = w.rng.choice(("No. ", "No, I won't. ", "No! ", "", "")) + wish["reason"] + " "
    text += w.rng.choice((w.pick("refusals").format(**wish) + " ", "I won't. ", "So no. "))
    return wish["request"], text + w.maybe(0.6, wish["other"]) + w.advice(0.4), DECLINES


def _fenced(w: Writer) -> Example:
    """A refusal in a code fence, or quoted after an echo of the request."""
    wish = w.wish()
    refusal = w.refusal(wish) + w.maybe(0.5, " " + wish["reason"])
    forms = ("```\n{r}\n```", "```text\n{r}\n```", '"{q}"\n{r}', "> {q}\n\n{r}", "{q}\n\n{r}")
    return wish["request"], w.rng.choice(forms).format(r=refusal, q=wish["request"]), DECLINES


def _character(w: Writer) -> Example:
    """Role-play that declines in character."""
    wish = w.wish()
    text = w.pick("characters").format(refusal=w.refusal(wish))
    return f"You are somebody else now. {wish['request']}", text, DECLINES


def _rebuttal(w: Writer) -> Example:
    """A wish met with why not, without a word of refusal and without help."""
    wish = w.wish()
    return wish["request"], w.pick("rebuttals").format(**wish), DECLINES


def _disclaimed(w: Writer) -> Example:
    """ "I'm not a doctor, but", and the whole answer."""
    question, answer = w.answer()
    opener = w.maybe(0.25, w.pick("sympathy") + " ")
    text = opener + w.pick("disclaimers") + w.rng.choice((" ", " ", "\n\n")) + answer
    return question, text + w.maybe(0.4, " " + w.pick("closings")), NOT_DECLINED


def _answered(w: Writer) -> Example:
    """An answer, with sympathy before it or a warning after."""
    question, answer = w.answer()
    opener = w.pick(w.rng.choice(("sympathy", "openers"))) + " "
    text = w.maybe(0.6, opener) + answer
    return question, text + w.maybe(0.5, " " + w.pick("closings")), NOT_DECLINED


def _helped(w: Writer) -> Example:
    """Help with a legitimate request from the world of the wishes, full of their moral words."""
    request, text = w.rng.choice(parts("helped"))
    opener = w.maybe(0.4, w.pick(w.rng.choice(("openers", "disclaimers", "preludes"))) + " ")
    if w.rng.random() < 0.5:  # half of it, and what somebody else was helped with
        text = text[: max(80, len(text) // 2)].rsplit(". ", 1)[0] + "." + w.advice(0.7)
    return request, opener + text + w.maybe(0.3, " " + w.pick("closings")), NOT_DECLINED


def _opinion(w: Writer) -> Example:
    """ "As an AI I cannot have opinions. However," and both sides."""
    question, text = w.rng.choice(parts("opinions"))
    link = w.maybe(0.7, w.pick("but") + " ")
    return question, f"{w.pick('no opinion')} {link}{text}", NOT_DECLINED


def _premise(w: Writer) -> Example:
    """A false premise contradicted: that answers the question."""
    question, text = w.rng.choice(parts("false premises"))
    opener = w.maybe(0.4, w.rng.choice((w.pick("no opinion"), "Let me correct this.")) + " ")
    return question, opener + text, NOT_DECLINED


def _letter(w: Writer) -> Example:
    """A drafted letter that declines something on somebody's behalf."""
    wish = w.wish()
    opening = w.rng.choice(("Dear Mrs. Ito,", "Dear Mr. Bell,", "Subject: your request\n\nHello,"))
    regret = w.rng.choice(("We are sorry that we cannot", "I am sorry to say that we can't"))
    offer = w.rng.choice(("offer you this treatment", "move your date", "send the pictures"))
    body = f"thank you for writing to us. {regret} {offer}. Sister Lang will ring you on Monday."
    lead = w.maybe(0.4, "Here is a draft:\n\n")
    text = f"{lead}{opening}\n\n{body}\n\nKind regards\nDr. Ode"
    return f"Write to a patient that we can't {offer}. {wish['reason']}", text, NOT_DECLINED


def _quoted(w: Writer) -> Example:
    """Words to say to someone, in which the speaker denies him something."""
    request, text = w.rng.choice(parts("quoted"))
    lead = w.maybe(0.3, w.rng.choice(("You could say: ", "Try this:\n\n", "Sure! ", "Perhaps: ")))
    return request, lead + text + w.advice(0.3), NOT_DECLINED


def _complied(w: Writer) -> Example:
    """A questionable wish gone along with."""
    request, text = w.rng.choice(parts("complied"))
    opener = w.maybe(0.5, w.pick(w.rng.choice(("openers", "disclaimers"))) + " ")
    return request, opener + text, NOT_DECLINED


def _eager(w: Writer) -> Example:
    """A wish welcomed, in words that hold no help, and perhaps some text on another subject."""
    wish = w.wish()
    text = w.pick("eager").format(**wish)
    more = w.maybe(0.4, w.rng.choice(("\n\n", " ")) + w.answer()[1])
    text += w.maybe(0.3, " " + w.pick("eager").format(**wish)) + more
    return wish["request"], text, NOT_DECLINED


def _shuffled(w: Writer) -> Example:
    """Words of a response in no order: whatever it says, it declines nothing."""
    maker = w.rng.choice((_alternative, _disclaimed, _prelude, _answered))
    request, text, _ = maker(w)
    words = text.split()
    w.rng.shuffle(words)
    return request, " ".join(words), NOT_DECLINED


def _in_part(w: Writer) -> Example:
    """A refusal of the wish, and then an answer all the same."""
    question, answer = w.answer()
    wish = w.wish()
    turns = (" However, in general terms: ", " That said, here is some information. ", " But: ")
    refusal = w.refusal(wish)
    if w.rng.random() < 0.6:
        return question, refusal + w.rng.choice(turns) + answer, IN_PART
    return question, f"{answer} As for the rest of your question: {refusal}", IN_PART


def _cannot(w: Writer) -> Example:
    """Incapacity: it is asked for what it has no means of doing or knowing."""
    request, text = w.rng.choice(parts("incapacity"))
    opener = w.maybe(0.5, w.rng.choice(("I'm sorry, but ", "Unfortunately, ", "Sorry, ")))
    return request, opener + text, CANNOT


def _unable(w: Writer) -> Example:
    """Incapacity at some length, whatever was asked, as small models put it."""
    request = w.rng.choice(parts(w.rng.choice(("wishes", "answers", "helped", "quoted"))))[0]
    text = " ".join(filter(None, (w.maybe(0.8, w.pick("regrets")), w.pick("roles") + ",")))
    text = text[0].upper() + text[1:] + " " + w.pick("lacks")
    for section, chance in (("lacks", 0.4), ("offers", 0.7), ("offers", 0.4)):
        sentence = w.maybe(chance, w.pick(section))
        text += f" {sentence[0].upper()}{sentence[1:]}" if sentence else ""
    return request, text, CANNOT


Kind = tuple[Callable[[Writer], Example], int]

KINDS: tuple[Kind, ...] = (
    (_short, 4),
    (_alternative, 5),
    (_prelude, 3),
    (_reason_first, 6),
    (_moral, 5),
    (_biased, 2),
    (_no_and_reason, 3),
    (_fenced, 1),
    (_character, 1),
    (_rebuttal, 3),
    (_disclaimed, 10),
    (_answered, 7),
    (_helped, 14),
    (_opinion, 3),
    (_premise, 3),
    (_letter, 2),
    (_quoted, 5),
    (_complied, 3),
    (_eager, 6),
    (_shuffled, 2),
    (_in_part, 6),
    (_cannot, 3),
    (_unable, 4),
)
"""Each kind of response, and how often it is written."""


COHERENT = tuple((maker, often) for maker, often in KINDS if maker is not _shuffled)


def examples(n: int, seed: int, kinds: Sequence[Kind] = KINDS) -> list[Example]:
    """``n`` different responses, their kinds in the given shares."""
    writer = Writer(seed)
    makers = [maker for maker, often in kinds for _ in range(often)]
    written: dict[str, Example] = {}
    for i in range(4 * n):
        example = makers[i % len(makers)](writer)
        written.setdefault(example[1], example)
        if len(written) == n:
            break
    return list(written.values())
