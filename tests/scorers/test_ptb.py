"""The Penn Treebank tokenizer against what Stanford's Java program gave for the same captions."""

from __future__ import annotations

import importlib.util
import random
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sightbench.scorers.text.ptb import caption_tokens, tokenize

# One text of many lines for the Java program: "p.m." and "B." are split because a sentence starts below.
CAPTIONS = [
    ("A man riding a wave on top of a surfboard.", "a man riding a wave on top of a surfboard ."),
    (
        "A dog's bowl isn't full; they'd've cannot gonna 'twas 'Tis lemme!",
        "a dog 's bowl is n't full ; they 'd 've can not gon na 't was 't is lem me !",
    ),
    (
        "Two (2) men, one [red] hat & {blue} shoes",
        "two -lrb- 2 -rrb- men , one -lsb- red -rsb- hat & -lcb- blue -rcb- shoes",
    ),
    ('He said "hello" to \'em at 5:30 p.m.', "he said `` hello '' to 'em at 5:30 p.m. ."),
    ("An apple costs $1.50 or £2 or 3¢ or €4.", "an apple costs $ 1.50 or # 2 or 3 cents or $ 4 ."),
    ("I ate 1/2 of 1 1/2 pies, ½ and ¾.", "i ate 1/2 of 1\xa01/2 pies , 1/2 and 3/4 ."),
    ("The U.S. The letter B.", "the u.s. . the letter b ."),
    ("A vitamin b. The pill", "a vitamin b . the pill"),
    ("It was Inc. and etc. in Jan. 5", "it was inc. and etc. in jan. 5"),
    ("Mr. Smith of St. Louis, Ph.D.", "mr. smith of st. louis , ph.d. ."),
    ("T-shirt, 20-year-old, mother-in-law and/or b/w", "t-shirt , 20-year-old , mother-in-law and/or b/w"),
    ("Visit http://www.a.com/x?y=1. or mail me@x.org!", "visit http://www.a.com/x?y=1 . or mail me@x.org!"),
    ("see www.foo.co.uk/a and foo.com", "see www.foo.co.uk / a and foo.com"),
    ("#tag @user a_b", "#tag @user a_b"),
    ("call (555) 123-4567 or 555-1234", "call -lrb-555-rrb-\xa0123-4567 or 555-1234"),
    ("“curly” ‘quotes’ «guillemets» ``tex''", "`` curly '' ` quotes ' `` guillemets '' `` tex ''"),
    ("wait... what?! no!!! -- yes --- maybe ----- …", "wait ... what ?! no !!! -- yes -- maybe ----- ..."),
    ("smile :) and :-D <3", "smile :-rrb- and :-d < 3"),
    ("<b>bold</b> &amp; &lt;x&gt; &nbsp; &eacute;", "<b> bold </b> & < x > &eacute;"),
    ("naïve café 中文字 русский", "naïve café 中文字 русский"),
    ("emoji 😀 in a😀b", "emoji in a b"),
    (
        "C++ and C# and F# AT&T S&P-500 rock'n'roll o'clock",
        "c++ and c# and f# at&t s&p-500 rock 'n' roll o'clock",
    ),
    ("photo.jpg and mp3 files", "photo.jpg and mp3 files"),
    ("'s 'S n't y'all Y'know ma'am", "'s 's n't y' all y' know ma'am"),
    ("so\xadft hyphen", "soft hyphen"),
    ("New York's 1990s '90s", "new york 's 1990s '90s"),
    ("no. 5 fig. 3 No.", "no. 5 fig. 3 no."),
    ("1,000.50 -5 +3 .5 5. 10:30 12/25/2010", "1,000.50 -5 +3 .5 5 . 10:30 12/25/2010"),
    ("x² 5° ± × ÷ ™", "x ² 5 ° ± × ÷ ™"),
    ("", ""),
    ("   ", ""),
    ("tab\there  double  space", "tab here double space"),
    ("A.B.C. a.b.c e.g. this", "a.b.c. a.b.c e.g. this"),
    ("pros/cons/etc/more", "pros/cons/etc / more"),
    ("don’t it’s 'quoted text' '", "do n't it 's ` quoted text ' '"),
    ("^_^ (xx) x_x", "^_^ -lrb-xx-rrb- x_x"),
    ("say &QUOT;hi&QUOT; now", "say &quot; hi &quot; now"),
    ("say &quot;hi&quot; now", "say `` hi '' now"),
    ("&QUOT;A&QUOT; end &Quot;", "&quot; a&quot ; end &quot;"),
    ("a*b ** \\* = / | ~ ^ % +", "a * b ** \\* = / | ~ ^ % +"),
]


def test_the_tokens_are_those_of_the_java_program() -> None:
    lines = tokenize([caption for caption, _ in CAPTIONS])
    assert [" ".join(line) for line in lines] == [tokens for _, tokens in CAPTIONS]


def test_what_follows_decides_how_a_last_letter_is_read() -> None:
    assert tokenize(["vitamin b.", "A man"])[0] == ["vitamin", "b", "."]
    assert tokenize(["vitamin b.", "one man"])[0] == ["vitamin", "b."]
    assert tokenize(["vitamin b."])[0] == ["vitamin", "b."]


def test_captions_lose_punctuation_but_not_brackets_and_runs_of_marks() -> None:
    assert caption_tokens(['A cat (a tabby), "asleep"...']) == ["a cat -lrb- a tabby -rrb- asleep"]
    assert caption_tokens(["No!!! Why?! - yes -- no --- so; and: it's ."]) == [
        "no !!! why ?! yes no so and it 's"
    ]


def test_line_breaks_stay_inside_their_caption() -> None:
    assert tokenize(["a\nb", "c\r\nd", "e\u2028f"]) == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert tokenize([]) == []
    assert tokenize([""]) == [[]]


@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_text_gives_one_line_a_caption_in_lower_case(captions: list[str]) -> None:
    lines = tokenize(captions)
    assert len(lines) == len(captions)
    assert all(token and token == token.lower() for line in lines for token in line)


PIECES = (
    "a The dogs' don't it's U.S. u.s. Inc. co. ltd St. B. c p.m. etc. no. 5 1,000 .5 1/2 $5 #tag @me ",
    "x@y.com www.a.com http://b.org/c.html <b> <br/> &amp; &lt; ( ) [ ] { } \" ' `` \u201c \u2019 -- ",
    "--- ... . . . ? !! :) :-( ^_^ T-shirt 20-year-old and/or AT&T c++ cannot gonna 'twas o'clock ",
    "rock'n'roll é 中文 ½ £ € ° \u00a0 \u00ad 😀 a😀b mp3.mp3 12/25/2010 (555) 123-4567 y'all Cap'n ",
    "-LRB- \\* * _ a_b 's n't",
)


def test_random_text_agrees_with_the_java_program() -> None:
    if shutil.which("java") is None or importlib.util.find_spec("pycocoevalcap") is None:
        pytest.skip("needs Java and the package pycocoevalcap")
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    rng = random.Random(0)
    pieces = "".join(PIECES).split(" ")
    captions = [
        "".join(rng.choice(pieces) + rng.choice(("", " ", " ")) for _ in range(rng.randint(1, 9)))
        for _ in range(3000)
    ]
    theirs = PTBTokenizer().tokenize({i: [{"caption": caption}] for i, caption in enumerate(captions)})
    assert caption_tokens(captions) == [theirs[i][0] for i in range(len(captions))]
