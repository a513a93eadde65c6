"""Which option an answer names: one pure function for each reference's rule, quirks included.

Each returns the letter (or what the reference takes for one) and the name of the step that found it;
None if nothing was found. `options` maps letters to texts, in order.
"""

from __future__ import annotations

import re
import string
from collections.abc import Collection, Mapping

from sightbench.scorers.answer import is_refusal

Match = tuple[str | None, str]

_REFUSED = (
    "Sorry, I can't help with images of people yet.",
    "I can't process this file.",
    "I'm sorry, but without the image provided",
    "Cannot determine the answer",
)
_API_FAILED = "Failed to obtain answer via API"
_SEPARATORS = str.maketrans(dict.fromkeys(".()[],:;!*#{}", " "))
_ANSWER_IS = re.compile(r"(?i)answer\s+is\s+\**([ABCD])\**")


def can_infer(answer: str, options: Mapping[str, str]) -> Match:
    """VLMEvalKit's rule (vlmeval/utils/matching_util.py): a letter among the tokens, else an option's text.

    "Z" is the reference's word for a refusal: it is an answer, and a wrong one. The phrase step ignores
    case, so "the answer is a cat" gives A; the letter must be among the last four tokens.
    """
    letter, rule = _can_infer_option(answer, options)
    if letter is not None:
        return letter, rule
    lowered = answer.lower()
    texts = {key: text.lower() for key, text in options.items()}
    # The limit is of the texts as they are: lower case may be longer ("İ").
    if len(lowered) <= 2 * sum(map(len, options.values())):
        contained = [key for key, text in texts.items() if text in lowered]
        if len(contained) == 1:
            return contained[0], "option text"
    return None, "nothing found"


def _can_infer_option(answer: str, options: Collection[str]) -> Match:
    if _API_FAILED in answer:
        return None, "request failed"
    if any(phrase in answer for phrase in _REFUSED):
        return "Z", "refusal"
    tokens = answer.translate(_SEPARATORS).split()
    named = [letter for letter in options if letter in tokens]
    if len(named) == 1:
        if tokens.index(named[0]) > len(tokens) - 5:
            return named[0], "letter token"
    elif not named and "Z" in tokens:
        return "Z", "refusal"
    phrase = _ANSWER_IS.search(answer)
    if phrase and phrase.group(1).upper() in options:
        return phrase.group(1).upper(), "answer is"
    return None, ""


def internvl(answer: str, options: Mapping[str, str]) -> Match:
    """InternVL's post_process (MMBench, MMMU, MMVP): first character, else the first option text contained.

    "Because" gives B, a single character is itself whatever it is, and an answer in which nothing is
    found is handed on whole. The reference raises on an empty answer; here nothing is found.
    """
    text = answer.strip()
    if len(text) == 1:
        return text, "single character"
    if text[:1] in options and text:
        return text[0], "first character"
    if text:
        for letter, option in options.items():
            if option in text:
                return letter, "option text"
    return None, "nothing found"


def internvl_scienceqa(answer: str, options: Mapping[str, str]) -> Match:
    """InternVL's ScienceQA variant: as `internvl`, then "x. ..." and "(x) ..." whatever x is."""
    letter, rule = internvl(answer, options)
    if letter is not None:
        return letter, rule
    text = answer.strip()
    if text[1:2] == ".":
        return text[0], "x."
    if text[:1] == "(" and text[2:3] == ")":
        return text[1], "(x)"
    return None, rule


def scienceqa(answer: str) -> Match:
    """LLaVA's protocol: a bare letter A-E, "A. ...", or exactly one "The answer is A" + any character."""
    if answer in tuple("ABCDE"):
        return answer, "letter"
    if len(answer) >= 3 and answer[0] in "ABCDE" and answer[1:3] == ". ":
        return answer[0], "x."
    phrases = re.findall(r"The answer is ([A-Z]).", answer)
    if len(phrases) == 1:
        return str(phrases[0]), "the answer is"
    return None, "no phrase" if not phrases else "several phrases"


_MMSTAR_PREFIXES = ("option ", "the answer is ")


def mmstar(answer: str) -> Match:
    """The character MMStar's official rule looks at, in upper case: its position depends on the prefix."""
    text = answer.lower().strip().replace("\n", " ")
    if text[:1] == "(":
        return text[1:2].upper() or None, "(x)"
    for prefix in _MMSTAR_PREFIXES:
        if text.startswith(prefix):
            return text[len(prefix) : len(prefix) + 1].upper() or None, prefix.strip()
    return text[:1].upper() or None, "first character"


def mmstar_right(answer: str, gold: str) -> bool:
    """MMStar's official comparison (eval/vlmeval/evaluate/mmstar.py), "a cat" counted as A included."""
    text = answer.lower().strip().replace("\n", " ")
    want = gold.lower().strip().replace("\n", " ")
    if not text:
        return False
    if want == text[0]:
        return True
    if text[0] == "(":
        return want == text[1:2] and len(text) > 1
    return any(
        text.startswith(prefix) and len(text) > len(prefix) and want == text[len(prefix)]
        for prefix in _MMSTAR_PREFIXES
    )


_EGOEXO_PREFIXES = (
    "The best answer is",
    "The correct answer is",
    "The answer is",
    "The answer",
    # Two commas are missing in the reference's list, so these two prefixes are each two run together.
    "The best option isThe correct option is",
    "Best answer:Best option:",
    "Answer:",
    "Option:",
)


def egoexo(answer: str) -> Match:
    """EgoExo-Bench's rule: known prefixes deleted, the first capital A-D anywhere, inside words too."""
    text = answer.strip()
    for prefix in _EGOEXO_PREFIXES:
        text = text.replace(prefix, "")
    capital = re.search("[ABCD]", text)
    return (capital.group(), "first capital") if capital else (None, "nothing found")


def mmsi(answer: str) -> Match:
    """MMSI-Bench's rule: inside double, then single backticks, the first lone A-D that no word follows."""
    text, rule = answer, "lone letter"
    for fence in (r"``([^`]*)``", r"`([^`]*)`"):
        inside = re.search(fence, text)
        if inside:
            text, rule = inside.group(1), "backticks"
    lone = re.search(r"\b[A-D]\b(?!\s[a-zA-Z])", text)
    return (lone.group(), rule) if lone else (None, "nothing found")


def crpe(answer: str) -> Match:
    """CRPE's rule: the only character of an answer, or the letter A-D it opens with."""
    if not answer:
        return None, "empty"
    if len(answer) == 1 or answer[0] in "ABCD":
        return answer[0], "first character"
    return None, "nothing found"


def crpe_contains(answer: str, gold: str) -> bool:
    """Is an answer that opens with none of A-D right? It is if it contains the gold ("A. text") from its
    fifth character on: the first letter of the text is lost, so any "an" is right where gold is "A. man".
    """
    return gold[4:].lower() in answer.lower()


def robust(answer: str, options: Mapping[str, str] | Collection[str] = "ABCDEFGHIJ") -> Match:
    """Our own rule, meant to agree with a human reader: what the answer settles on, or None.

    In this order: <answer> or \\boxed{}; the whole answer; the last "answer is B" (or 答案是B); an opening
    "B. ..." or "(B) ..."; the only letter standing alone; an option's exact text; the only option whose
    text occurs as whole words. An article is no answer, and neither is a refusal's "I" or what else it says.
    """
    texts = options if isinstance(options, Mapping) else {}
    letters = "".join(letter for letter in options if letter in string.ascii_uppercase)
    text = "".join(_HALF_WIDTH.get(char, char) for char in answer).strip()
    for marked in (_BOXED, _TAGGED):
        inside = marked.findall(text)
        if inside and inside[-1].strip() != text:
            letter, rule = robust(inside[-1], options)
            if letter:
                return letter, rule
    if not letters:
        return None, "nothing found"
    capital, any_case = f"([{letters}])", f"([{letters}{letters.lower()}])"
    bare = re.sub(r"[\s*_`\"'()\[\]{}.,:;!?<>#$。，：；！？、]+", "", text)
    if re.fullmatch(any_case, bare):
        return bare.upper(), "whole answer"
    opening, closing = r"[\s*_`\"'(\[{]*+", r"(?![A-Za-z0-9'’])"
    phrases = re.findall(rf"(?i:{_LEAD}){opening}{capital}{closing}{_NO_ARTICLE}", text)
    phrases += re.findall(rf"(?i:{_LEAD})\s*+(?:[*_`\"'(\[]+\s*)([{letters.lower()}])[)\]*_`\"']", text)
    if phrases:
        return str(phrases[-1]).upper(), "phrase"
    first = re.match(rf"[*_`\s]*(?:[(\[]\s*{any_case}\s*[)\]]|{capital}\s*[.):,\]*_`-]|{capital}\s*\n)", text)
    if first:
        return next(group for group in first.groups() if group).upper(), "opening letter"
    alone = set(re.findall(rf"(?<![A-Za-z0-9'’]){capital}(?![A-Za-z0-9'’]){_NO_ARTICLE}", text))
    refused = is_refusal(text)
    if refused:
        alone.discard("I")
    if len(alone) == 1:
        return str(alone.pop()), "only letter"
    words = {letter: _words(option) for letter, option in texts.items()}
    said = _words(text)
    exact = [letter for letter, option in words.items() if option == said]
    if len(exact) == 1:
        return exact[0], "exact text"
    if not alone and not refused:
        within = [letter for letter, option in words.items() if option.strip() and option in said]
        longest = [
            letter
            for letter in within
            if not any(words[letter] != words[other] and words[letter] in words[other] for other in within)
        ]
        if len(longest) == 1:
            return longest[0], "option text"
    return None, "nothing found"


_HALF_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_BOXED = re.compile(r"\\boxed\s*\{\s*+(?:\\text\s*\{)?([^{}]*)\}")
_LEAD = (
    r"(?:answer|option|choice)(?:\s+is|\s+should\s+be)?(?:\s*+[:=])?"
    r"|答案(?:应该|应)?(?:是|为)?(?:\s*+[:=])?|选(?:择|项)?(?:\s*+[:=])?"
)
_NO_ARTICLE = r"(?!(?<=A)\s+(?!(?:or|and|is|was|as|because|since|but|given)\b)[a-z])"
_WORD = re.compile(r"[^\W_]+")
_TAGGED = re.compile(r"<answer>((?:(?!<answer>).)*?)(?:</answer>|$)", re.IGNORECASE | re.DOTALL)


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(text.casefold()))} "
