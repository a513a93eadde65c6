"""What a scorer needs of a question beside its gold: declared as a struct, decoded at the scorer's door.

The structs are msgspec's: one declaration validates a sample's columns and the lines of `bench.py grade`,
says where a value is wrong (`choices[0]`), and is what `bench.py grade --metric M -h` lists.
"""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeVar, get_args

import msgspec
from msgspec import Meta

from sightbench.errors import FieldError
from sightbench.sample import Json

F = TypeVar("F", bound="Fields")
_WHERE = re.compile(r"(?s)(.*?)(?: - at `\$\.?(.*)`)?")
_MISSING = re.compile(r"Object missing required field `(.+)`")


class Options(dict[str, str]):
    """Letter -> text, in order; there may be none."""


class Choices(Options):
    """The options of a question that has some."""


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """The base of every scorer's fields; columns they do not name are left alone."""

    id: Annotated[str | int, Meta(description="the sample's id, which a random choice depends on")] = ""


AXES_HELP: Mapping[str, str] = {
    "category": "numbers of each category stand below the total",
    "l2-category": "as category, one level finer",
    "l2_category": "as category, one level finer",
    "split": "which split the row is of",
    "group": "the set it belongs to (a circular set, a pair, four of a kind)",
    "image": "the image, which several questions share",
    "set_id": "the set of figures",
    "figure_id": "the figure of the set",
    "question_id": "the question of the set",
    "index": "category_subcategory_visual_set_figure_question, instead of these three",
    "subject": "natural, social or language science",
    "hint": "a text that goes with the question, if there is one",
    "grade": "the school grade",
    "task": "the kind of task",
    "subtask_type": "the kind of task, instead of category",
    "skills": "what it takes: a list, each entry of which has its number",
    "context": "what the picture shows",
    "question_type": "multi_choice or free_form",
    "answer_type": "text, integer, float or list",
    "language": "of the question",
    "source": "the data set the question is from",
    "type": "the kind of question",
    "data_type": "image or video",
    "cluster": "what answers share (a video): the error follows it",
}
"""What a line of `grade --metric --total` may have for its total, by the name of the column."""


def decode(columns: Mapping[str, object], kind: type[F]) -> F:
    """The fields of `kind` in a sample's columns. Raises FieldError that names the one that is wrong."""
    if "choices" in kind.__struct_fields__:
        columns = _with_choices(columns)
    try:
        return msgspec.convert(columns, kind, dec_hook=_decode_options)
    except msgspec.ValidationError as error:
        raise FieldError(_plain(str(error))) from None


def described(kind: type[Fields]) -> Iterator[tuple[str, str]]:
    """Name and meaning of every field that has one."""
    for field in msgspec.structs.fields(kind):
        for note in get_args(field.type)[1:]:
            if isinstance(note, Meta) and note.description:
                yield field.encode_name, note.description


def _with_choices(columns: Mapping[str, object]) -> Mapping[str, object]:
    """`choices` under the names that files give them: options, index2ans, or columns A, B, C..."""
    if columns.get("choices"):
        return columns
    choices = columns.get("options") or columns.get("index2ans")
    choices = choices or {letter: columns[letter] for letter in string.ascii_uppercase if letter in columns}
    rest = {name: value for name, value in columns.items() if name != "choices"}
    return {**rest, "choices": choices} if choices else rest


def _decode_options(kind: type, value: Any) -> Any:
    if not issubclass(kind, Options):
        raise NotImplementedError(kind)
    options = options_of(value, kind)
    if not options and kind is Choices:
        raise ValueError("choices: missing (a mapping of letters to texts, or a list of texts)")
    return options


def options_of(value: Json, kind: type[Options] = Options) -> Options:
    """The options of a question in whichever form a file has them: a mapping, a list, a Python list's text.

    Absent options (None, NaN) are left out. Raises ValueError for anything else.
    """
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise ValueError(f"choices: not a list: {value!r:.80}") from None
    if isinstance(value, (dict, Mapping)):
        pairs: Any = value.items()
    elif isinstance(value, (list, tuple)):
        pairs = zip(string.ascii_uppercase, value, strict=False)
    else:
        raise ValueError(f"choices: expected a mapping or a list, got {type(value).__name__}")
    return kind({str(letter): str(text) for letter, text in pairs if text is not None and text == text})


def _plain(message: str) -> str:
    match = _WHERE.fullmatch(message)
    assert match is not None
    reason, where = match[1], match[2] or ""
    missing = _MISSING.fullmatch(reason)
    if missing:
        name = f"{where}.{missing[1]}" if where else missing[1]
        return f"{name}: this metric needs the field {missing[1]!r}"
    if not where or reason.startswith(where):
        return reason
    return f"{where}: {reason[:1].lower()}{reason[1:]}"
