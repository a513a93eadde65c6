"""Penn Treebank tokens as pycocoevalcap gets them from Stanford CoreNLP 3.4.1, without Java.

That program is a longest-match lexer run with `-preserveLines -lowerCase`: of all rules, the one whose
match (with the context it looks ahead at) is longest wins, the earlier one on ties. The rules below describe
the same language in Python's `re`; where a rule's alternatives could differ in length, each stands as its
own entry so that the longest is found. Literal words match in any case; character classes do not.

Known differences: letters that Unicode added after 6.1 are kept here (Java deletes them), and the line
breaks other than "\\n" (\\r, \\v, \\f, U+2028, U+2029) are spaces here, where Java would start a new line
and shift every later caption by one. A rule looks at most `AHEAD` characters ahead, and farther only where
what it matches goes on to there: an address whose first dot comes later is no address here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache

AHEAD = 1000
"""Characters a rule may look at before it is known to match, so that no answer costs more than so many times
its length."""

DROPPED = frozenset(
    ("''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";")
)
"""Tokens pycocoevalcap drops. Tokens are lower case by then, so `-lrb-` and its like stay in the caption."""

_LINE_BREAKS = re.compile("[\r\v\f\u2028\u2029]")
_SPACE = "[ \t\u00a0\u2000-\u200a\u3000]"
_SPACE_OR_BREAK = "[ \t\u0085\u00a0\u2000-\u200a\u3000\n]"
_APOSTROPHE = "(?:['\u0092\u2019]|&apos;)"
_ANY_APOSTROPHE = "(?:['\u0092\u2019`\u0091\u2018\u201b]|&apos;)"
_HYPHEN = "[-_\u058a\u2010\u2011]"
_COMMA = "[,;:\u3001]"

# Marks inside words that are no letters: combining signs, modifiers, vowel signs of Indic and other scripts.
_WORD_MARKS = (
    "\u00ad\u02c2-\u02c5\u02d2-\u02df\u02e5-\u0379\u0384\u0385\u03f6\u0483-\u0487\u055a-\u055f\u0591-\u05bd"
    "\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0615-\u061a\u064b-\u065e\u0670\u06d6-\u06e4\u06e7-\u06ed\u06fd\u06fe"
    "\u070f\u0711\u0730-\u074c\u07a6-\u07b0\u07eb-\u07f3\u0900-\u0903\u093c\u093e-\u094e\u0951-\u0955\u0962\u0963"
    "\u0981-\u0983\u09bc\u09be-\u09c4\u09c7\u09c8\u09cb-\u09cd\u09d7\u09e2\u09e3\u0a01-\u0a03\u0a3c\u0a3e-\u0a4f"
    "\u0a81-\u0a83\u0abc\u0abe-\u0acf\u0b82\u0bbe-\u0bc2\u0bc6-\u0bc8\u0bca-\u0bcd\u0c01-\u0c03\u0c3e-\u0c56"
    "\u0d3e-\u0d44\u0d46-\u0d48\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"
)
_SYMBOLS = (
    "+%&~^|\\\\\u00a6-\u00a9\u00ac\u00ae-\u00b4\u00b5-\u00ba\u00d7\u00f7\u0387\u05be\u05c0\u05c3\u05c6\u05f3\u05f4"
    "\u0600-\u0603\u0606-\u060a\u060c\u0614\u061b\u061e\u066a\u066d\u0703-\u070d\u07f6-\u07f8\u0964\u0965\u0e4f"
    "\u1fbd\u2016\u2017\u2020-\u2023\u2030-\u2038\u203b\u203e-\u2042\u2044\u207a-\u207f\u208a-\u208e\u2100-\u214f"
    "\u2190-\u2bff\u3012\u30fb\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_FULL_STOPS = ".\u00a1\u00bf\u037e\u0589\u061f\u06d4\u0700-\u0702\u07fa\u3002"
_CURRENCIES = "\u00a2-\u00a5\u0080\u20a0\u20ac\u060b\u0e3f\u20a4\uffe0\uffe1\uffe5\uffe6"

_MONTHS_DAYS = "jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri"
_STATES = (
    "ala ariz calif colo conn ct dak fla ga ind kan kans ky md mich minn mo mont neb nev okla penn va vt wis "
    "wisc wyo [A]z [A]rk [D]el [I]ll [L]a [M]ass [M]iss [O]re [P]a [T]ex [W]ash"
)
_COMPANIES = "inc co cos corp pt[ye] pt[ye]s ppt[ye] ppt[ye]s ltd plc rt bancorp bhd assn univ intl sys"
_OTHER_ENDINGS = "tel est ext sq jr sr bros ed\\.d ph\\.d blvd rd esq etc al seq bldg"
_TITLES = (
    "mr mrs ms [M]iss dr drs prof profs sen sens rep reps atty attys lt col gen messrs gov govs adm "
    "rev maj sgt cpl pvt capt st ste ave pres lieut hon brig cmdr comdr pfc spc supt supts det mt ft "
    "adj adv asst assoc ens insp mlle mme msgr sfc vs alex wm jos cie a\\.k\\.a cf treas ph invt "
    "elec natl m[ft]g dept"
)
_BEFORE_NUMBERS = "ca fig figs prop no nos art bldg pp op"
_STARTS_SENTENCE = (
    "About According Additionally After An A As At But Earlier He Her Here However If In It Last "
    "Many More Mr\\. Ms\\. Now Once One Other Our She Since So Some Such That The Their Then There "
    "These They This We When While What Yet You"
)
_FILE_TYPES = (
    "bat bmp c class cgi cpp dll doc docx exe gif gz h htm html jar java jpeg jpg mov mp3 pdf php pl "
    "png ppt ps py sql tar txt wav x xml zip"
)
_APOSTROPHE_WORDS = "dunkin{} somethin{} ol{} {}em {}till? {}cause {}[2-9]0s"
_WORDS_WITH_ONE = "cont'd\\.? nor'easter c'mon e'er s'mores ev'ry li'l nat'l"

_ACRONYM = "[A-Za-z](?:\\.[A-Za-z])*"
_COUNTRIES = ("(?:(?i:canada|sino|korean|eu|japan|non)-(?i:u\\.s))", "(?i:u\\.s\\.-(?:u\\.k|u\\.s\\.s\\.r))")

Finish = Callable[[str], Sequence[str]]
"""What a matched text becomes: its tokens."""


def _as_is(text: str) -> Sequence[str]:
    return (text,)


def _no_soft_hyphens(text: str) -> Sequence[str]:
    return (text.replace("\u00ad", "") or "-",)


def _unbreakable(text: str) -> Sequence[str]:
    return (text.replace(" ", "\u00a0"),)


def _phone(text: str) -> Sequence[str]:
    return (text.replace(" ", "\u00a0").replace("(", "-lrb-").replace(")", "-rrb-"),)


def _brackets(text: str) -> Sequence[str]:
    return (text.replace("(", "-lrb-").replace(")", "-rrb-"),)


def _and(text: str) -> Sequence[str]:
    return (re.sub("(?i)&amp;", "&", text),)


def _twice_stopped(text: str) -> Sequence[str]:
    return (text, ".")


def _before_sentence(text: str) -> Sequence[str]:
    return (text[:1], ".") if len(text) == 2 else (text, ".")


_CURLY = str.maketrans(
    dict.fromkeys("\u0091\u2018\u201b\u2039", "`")
    | dict.fromkeys("\u0092\u2019\u203a", "'")
    | dict.fromkeys("\u0093\u201c\u00ab", "``")
    | dict.fromkeys("\u0094\u201d\u00bb", "''")
)


def _quoted(text: str) -> Sequence[str]:
    text = text.replace("&apos;", "'").replace('"', "''").replace("&quot;", "''")
    return (text.translate(_CURLY),)


def _opening(text: str) -> Sequence[str]:
    if text.startswith("&") and not text.islower():
        # The token is found in any case, and only the lower case one is replaced.
        return (text,)
    return ("`",) if text == "'" else ("``",)


def _fraction(text: str) -> Sequence[str]:
    plain = {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}
    return (plain.get(text, text),)


def _currency(text: str) -> Sequence[str]:
    names = {"\u00a2": "cents", "\u00a3": "#"} | dict.fromkeys("\u0080\u00a4\u20a0\u20ac", "$")
    return (names.get(text, text),)


def _dashes(text: str) -> Sequence[str]:
    return ("--",) if 3 <= len(text) <= 4 else (text,)


def _always(token: str) -> Finish:
    return lambda text: (token,)


def _nothing(text: str) -> Sequence[str]:
    return ()


def _class_of(category: str) -> str:
    """The characters of the basic plane whose Unicode category starts so, as the inside of a class."""
    ranges: list[list[int]] = []
    for code in range(0x80, 0x10000):
        if unicodedata.category(chr(code)).startswith(category):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _any(words: str) -> str:
    """Any of the words in any case, except the letters that stand in brackets."""
    alternatives = re.sub(r"\[([A-Z])\]", r"(?-i:\1)", "|".join(words.split()))
    return f"(?i:{alternatives})"


Rule = tuple[re.Pattern[str], Finish]


@cache
def _rules() -> tuple[Rule, ...]:
    """In order of precedence: a pattern whose group 1 is the token and the rest context, and its tokens."""
    letters = "A-Za-z" + _class_of("L")
    upper = "A-Z" + _class_of("Lu")
    entity = "&[aeiouAEIOU](?i:acute|grave|uml);"
    letter = f"(?:[{letters}{_WORD_MARKS}]|{entity})"
    letter_digit = f"(?:[{letters}{_WORD_MARKS}\\d]|{entity})"
    plain = f"[{letters}\\d]"
    word = f"{letter}{letter_digit}*(?:[.!?]{letter}{letter_digit}*)*"
    clitic = f"{_APOSTROPHE}(?:[msdMSD]|(?i:re|ve|ll))"
    not_clitic = f"(?i:n){_ANY_APOSTROPHE}(?i:t)"
    name = "[A-Za-z][A-Za-z0-9_:.-]*"
    quoted = "(?:'[^'\n]*'|\"[^\"\n]*\")"
    attributes = f"(?:[ ]+(?:{name}[ ]*=[ ]*{quoted}|{name}))*"
    tags = ("<[!?][A-Za-z-][^>\n]*>", f"<{name}{attributes}[ ]*/?[ ]*>", f"</{name}[ ]*>")
    acronyms = (_ACRONYM, *_COUNTRIES)
    no_url = ' \t\n\f\r"<>|(){}'
    no_url_end = no_url + ".!?,-"
    path = f'/[^ \t\n\f\r"<>|()]+[^{no_url_end}]'
    site = "(?:[^\\x2c-\\x5f \t\n\f\r\"`'<>|.!?(){}$]++\\.)+(?i:com|net|org|edu)"
    www = '(?i:www)\\.(?:[^ \t\n\f\r"<>|.!?(){},]++\\.)+[a-zA-Z]{2,4}'
    www_host = '(?i:www)\\.(?:[^/ \t\n\f\r"<>|.!?(){},]++\\.)+[a-zA-Z]{2,4}'
    local = '[a-zA-Z0-9][^ \t\n\f\r"<>|()\u00a0{}]*'
    domain = '(?:[^ \t\n\f\r"<>|(){}.\u00a0]+\\.)*[^ \t\n\f\r"<>|(){}.\u00a0]+'
    number = "(?:\\d+(?:[.:,\u00ad\u066b\u066c]\\d+)*|(?:[.:,\u00ad\u066b\u066c]\\d+)+)"
    elision = f"(?:[dDoOlL]{_ANY_APOSTROPHE}{plain})?"
    thing = f"{elision}{plain}+(?:{_HYPHEN}{elision}{plain}+)*"
    two_letters = f"(?:[A-Za-z](?:\\.[A-Za-z])+|{_COUNTRIES[0]}|{_COUNTRIES[1]})"
    hyphened = f"[A-Za-z0-9][A-Za-z0-9.,\u00ad]*(?:-(?:{two_letters}\\.|[A-Za-z0-9\u00ad]+))+"
    slashed_part = "[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}"
    joined_capitals = "[A-Z]+(?:(?:[+&]|(?i:&amp;))[A-Z]+)+"
    endings = _any(" ".join((_MONTHS_DAYS, _STATES, _COMPANIES, _OTHER_ENDINGS))) + "\\."
    starts = "(?:" + "|".join(f"{w[0]}(?i:{w[1:]})" for w in _STARTS_SENTENCE.split()) + ")"
    eyes = "[-^x=~<>']"
    quotes = "`\u2018-\u201f\u0091-\u0094\u2039\u203a\u00ab\u00bb"
    apostrophe_words = [each.replace("{}", _APOSTROPHE) for each in _APOSTROPHE_WORDS.split()]

    table: list[tuple[Iterable[str], str, Finish]] = [
        (("(?i:c)[+][+]", "(?i:c|f)#"), "", _as_is),
        (("(?i:can)",), "(?i:not)", _as_is),
        (("(?i:'t)",), "(?i:was|is)", _as_is),
        (("(?i:gon|wan)",), "(?i:na)", _as_is),
        (("(?i:got)",), "(?i:ta)", _as_is),
        (("(?i:lem|gim)",), "(?i:me)", _as_is),
        (tags, "", _unbreakable),
        (("(?i:&(?:md|mdash|ndash);)", "[\u0096\u0097\u2013-\u2015]"), "", _always("--")),
        (("(?i:&amp;)",), "", _always("&")),
        (("(?i:&(?:ht|tl|ur|lr|qc|ql|qr|odq|cdq);)", "&#[0-9]+;"), "", _as_is),
        ((word,), clitic, _no_soft_hyphens),
        (("[A-Za-z\u00ad]*[A-MO-Za-mo-z]\u00ad*",), not_clitic, _no_soft_hyphens),
        ((word,), "", _no_soft_hyphens),
        (
            (
                f"{_APOSTROPHE}(?i:n){_APOSTROPHE}?",
                f"[lLdDjJ]{_APOSTROPHE}",
                *(f"(?i:{w})" for w in apostrophe_words),
                f"[A-HJ-XZn]{_ANY_APOSTROPHE}[{letters}]{{2,}}",
                f"[{letters}]+[aeiouyAEIOUY]{_ANY_APOSTROPHE}[aeiouA-Z][{letters}]*",
                *(f"(?i:{w})" for w in _WORDS_WITH_ONE.split()),
                f"(?i:o){_ANY_APOSTROPHE}(?i:o)",
            ),
            "",
            _as_is,
        ),
        ((f"(?i:y){_APOSTROPHE}",), f"[{letters}]", _as_is),
        ((f"(?i:https?)://[^{no_url}]+[^{no_url_end}]",), "", _as_is),
        ((www, f"{www}{path}", f"{www_host}{path}", site, f"{site}{path}"), "", _as_is),
        ((f"(?:(?i:&lt;)|<)?{local}@{domain}(?:(?i:&gt;)|>)?",), "", _as_is),
        (("@[a-zA-Z_][a-zA-Z_0-9]*", f"#{letter}+"), "", _as_is),
        ((clitic, not_clitic), "[^A-Za-z]", _quoted),
        (("\\d{1,2}[-/]\\d{1,2}[-/]\\d{2,4}",), "", _as_is),
        ((f"[-+]?{number}",), "", _no_soft_hyphens),
        (
            ("[\u207a\u207b\u208a\u208b]?(?:[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+|[\u2080-\u2089]+)",),
            "",
            _as_is,
        ),
        (("(?:\\d{1,4}[- \u00a0])?\\d{1,4}(?:\\\\?/|\u2044)\\d{1,4}",), "", _unbreakable),
        (("[\u00bc-\u00be\u2153-\u215e]",), "", _fraction),
        (
            (
                "(?i:-[rl][rcs]b-)",
                "(?i:c\\.d\\.s)",
                "(?i:pro-|anti-)",
                "(?i:s(?:&|&amp;)p-500)",
                "(?i:s(?:&|&amp;)ls)",
                f"(?i:cap){_APOSTROPHE}(?i:n)",
                f"(?i:c){_APOSTROPHE}(?i:est)",
            ),
            "",
            _and,
        ),
        ((f"{slashed_part}(?:\\\\?/{slashed_part}){{1,2}}",), "", _as_is),
        (("[A-Z]*\\$", "#"), "", _as_is),
        ((f"[{_CURRENCIES}]",), "", _currency),
        (
            tuple(f"{acronym}\\." for acronym in acronyms),
            f"{_SPACE_OR_BREAK}+(?:{starts}|{'|'.join(tags)}){_SPACE_OR_BREAK}",
            _before_sentence,
        ),
        ((f"{_any(_BEFORE_NUMBERS)}\\.",), f"{_SPACE_OR_BREAK}?\\d", _as_is),
        (("(?i:pt)[eyEY]\\.", "(?i:co)\\."), f"{_SPACE}(?i:ltd|lim)", _as_is),
        ((endings,), f"{_SPACE_OR_BREAK}(?:{_SPACE_OR_BREAK}|[{upper}]|{'|'.join(tags)})", _twice_stopped),
        ((endings,), "(?s:..)", _as_is),
        ((endings,), "", _twice_stopped),
        ((f"{_any(_TITLES)}\\.", *(f"{acronym}\\." for acronym in acronyms)), "", _as_is),
        ((_any(_TITLES), *acronyms), _SPACE, _as_is),
        (acronyms, _SPACE_OR_BREAK, _as_is),
        ((f"{_APOSTROPHE}[0-9][0-9]",), _SPACE_OR_BREAK, _as_is),
        (
            (f"{letter_digit}+(?:[.]{letter_digit}+)*[.]{_any(_FILE_TYPES)}",),
            f"(?:{_SPACE_OR_BREAK}|[.?!,])",
            _as_is,
        ),
        ((f"{word}\\.",), _COMMA, _no_soft_hyphens),
        (
            (
                "\\([0-9]{2,3}\\)[ \u00a0]?[0-9]{3,4}[- \u00a0]?[0-9]{3,5}",
                "(?:\\+\\+?)?(?:[0-9]{2,4}[- \u00a0])?[0-9]{2,4}[- \u00a0][0-9]{3,4}[- \u00a0]?[0-9]{3,5}",
                "(?:(?:\\+\\+?)?[0-9]{2,4}\\.)?[0-9]{2,4}\\.[0-9]{3,4}\\.[0-9]{3,5}",
            ),
            "",
            _phone,
        ),
        (('"', "(?i:&quot;)"), "[A-Za-z0-9$]", _opening),
        (('"', "(?i:&quot;)"), "", _quoted),
        (("\x7f",), "", _nothing),
        (("<", "(?i:&lt;)"), "", _always("<")),
        ((">", "(?i:&gt;)"), "", _always(">")),
        (("[<>]?[:;=][-o*']?[()DPdpO\\\\{@|\\[\\]]",), "[^A-Za-z0-9]", _brackets),
        ((f"{eyes}_{eyes}", f"\\({eyes}[_.]?{eyes}\\)", "\\([\\^x=~<>']-[\\^x=~<>'`]\\)"), "", _brackets),
        (("\\{",), "", _always("-lcb-")),
        (("\\}",), "", _always("-rcb-")),
        (("\\[",), "", _always("-lsb-")),
        (("\\]",), "", _always("-rsb-")),
        (("\\(",), "", _always("-lrb-")),
        (("\\)",), "", _always("-rrb-")),
        (("-+",), "", _dashes),
        (("\\.{3,5}", "(?:\\.[ \u00a0]){2,4}\\.", "[\u0085\u2026]"), "", _always("...")),
        (("@+", "#+", "_+", "\\*+", "(?:\\\\\\*){1,3}", _COMMA, "[?!]+"), "", _as_is),
        ((f"[{_FULL_STOPS}]", "=", "/"), "", _as_is),
        ((f"{hyphened}\\.",), _COMMA, _no_soft_hyphens),
        ((hyphened,), "", _no_soft_hyphens),
        ((f"{thing}\\.",), _COMMA, _as_is),
        ((thing,), "", _as_is),
        ((f"{joined_capitals}\\.",), _COMMA, _and),
        ((joined_capitals,), "", _and),
        (("'",), "[A-Za-z][^ \t\n\r\u00a0]", _opening),
        ((clitic, not_clitic, _APOSTROPHE, "''", f"[{quotes}]{{1,2}}"), "", _quoted),
        (("<<|>>",), "", _as_is),
        ((f"[{_SYMBOLS}]",), "", _as_is),
        (("\x00", f"{_SPACE}+", "(?i:&nbsp;)", "(?s:.)"), "", _nothing),
    ]
    return tuple(
        (re.compile(f"({pattern}){context}"), finish)
        for patterns, context, finish in table
        for pattern in patterns
    )


_SPACES = re.compile(f"{_SPACE}+")
_PLAIN_WORD = re.compile("[A-Za-z]+(?=[ \n])")
_SPLIT = frozenset(("cannot", "gonna", "gotta", "lemme", "gimme", "wanna"))


def tokenize(captions: Sequence[str]) -> list[list[str]]:
    """The lower-case tokens of each caption, punctuation included.

    Captions are one text of several lines, as in the reference: what follows a caption can decide how its
    last word is read ("B." stays one token unless a sentence starts after it).
    """
    text = "\n".join(_LINE_BREAKS.sub(" ", caption.replace("\n", " ")) for caption in captions)
    rules = _rules()
    lines: list[list[str]] = [[]]
    position = 0
    while position < len(text):
        if text[position] == "\n":
            lines.append([])
            position += 1
            continue
        if text[position] == " " and (run := _SPACES.match(text, position)):
            position = run.end()
            continue
        quick = _PLAIN_WORD.match(text, position)
        if quick and (word := quick[0].lower()) not in _SPLIT:
            lines[-1].append(word)
            position = quick.end()
            continue
        end, finish = _longest(rules, text, position)
        lines[-1].extend(token.lower() for token in finish(text[position:end]))
        position = end
    return lines if captions else []


def _longest(rules: Sequence[Rule], text: str, position: int) -> tuple[int, Finish]:
    """Where the token at this place ends, and what makes its tokens: of the rule that sees farthest."""
    ahead = AHEAD
    while True:
        furthest, end, limit = -1, position + 1, position + ahead
        finish: Finish = _nothing
        for pattern, tokens_of in rules:
            match = pattern.match(text, position, limit)
            if match and match.end() > furthest:
                furthest, end, finish = match.end(), match.end(1), tokens_of
        if furthest < limit or limit >= len(text):
            return end, finish
        ahead *= 2


def caption_tokens(captions: Sequence[str]) -> list[str]:
    """Each caption as pycocoevalcap scores it: its tokens without `DROPPED`, joined by single spaces."""
    return [" ".join(token for token in tokens if token not in DROPPED) for tokens in tokenize(captions)]
