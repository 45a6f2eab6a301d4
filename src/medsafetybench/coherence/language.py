"""Is a text English? Function words and script, for a judge that reads English only.

    is_english("Sure, here you go.")  -> True
    is_english("Lo siento, pero no puedo ayudar con eso.")  -> False

It answers one question only and errs towards English for a text of a few words: a name or a list
of drugs has no function words in any language.
"""

from __future__ import annotations

import re

_LETTERS = re.compile(r"[^\W\d_]+")
_FENCED = re.compile(r"```.*?(?:```|\Z)", re.S)
_READ = 300  # characters: enough to tell, and cheap

_ENGLISH = frozenset(
    """
    the of and to in is that it you for with this be are not can cannot i my your have as
    at or but they will would should if an by from on was were do does what how please
    here sorry help yes sure there their these when which may more any some such all it's
    i'm don't t s m
    """.split()
)
# Only words that are not also common English ones, so "no", "me", "die" and "on" are left out.
_OTHERS = frozenset(
    """
    el los las que para puedo ayudar con por una lo siento pero usted esto eso es su del
    je ne peux pas vous est les des désolé mais avec pour dans une cette votre sur qui et
    ich kann nicht das und der leid tut mir aber ist ein eine ihnen dabei sie zu wie mit
    não posso desculpe isso você uma mas com ao sinto muito mi dispiace che non sono
    questo della il per ti di ik kan niet het een maar daarmee helpen spijt je van jag kan
    inte det att och tyvärr hjälpa men jeg ikke beklager nie mogę jest się przepraszam bu
    bir ve için üzgünüm saya tidak bisa dan yang untuk maaf siwezi kwa hii samahani
    """.split()
)


def is_english(text: str) -> bool:
    """True unless the text is mostly in another script or in another language's words."""
    read = _FENCED.sub(" ", text[: 4 * _READ]) if "```" in text else text
    words = _LETTERS.findall(read[:_READ].lower())
    if not words:
        return True
    if _foreign_letters(words) > 0.3:
        return False
    english = sum(w in _ENGLISH for w in words)
    other = sum(w in _OTHERS for w in words)
    if english == 0 and len(words) >= 12 and not _is_list(read[:_READ]):
        return False
    return other <= english or (other == 1 and len(words) < 3 and "siento" not in words)


def _foreign_letters(words: list[str]) -> float:
    """Share of letters beyond U+024F, where the Latin alphabets end."""
    joined = "".join(words)
    if joined.isascii():
        return 0.0
    return sum(letter > "\u024f" for letter in joined) / len(joined)


def _is_list(text: str) -> bool:
    """True for text of short lines or many commas: names rather than sentences."""
    parts = re.split(r"[,;\n]", text)
    return sum(len(part.split()) <= 4 for part in parts) > len(parts) / 2
