"""What the rows of JSON files must hold, by kind of file: decoded by msgspec, which names what is wrong.

A row may have more columns than these. Numbers are finite, and answers are texts or numbers, never objects.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

Scalar = str | int | float
Answer = Scalar | list[Scalar]
Length = Annotated[float, msgspec.Meta(gt=0)]


class ShortAnswer(msgspec.Struct):
    image: str
    question: str
    question_id: str | int
    answer: Answer | None = None


class Chart(msgspec.Struct):
    image: str | None = None
    imgname: str | None = None
    question: str | None = None
    query: str | None = None
    answer: Scalar | None = None
    label: Scalar | None = None


class Expression(msgspec.Struct):
    image: str
    sent: str
    bbox: tuple[float, float, float, float]
    height: Length
    width: Length


class Science(msgspec.Struct):
    image: str
    question: str
    choices: list[str]
    answer: Scalar
    hint: str | None = None


class Pope(msgspec.Struct):
    image: str
    text: str
    category: str


class Prompted(msgspec.Struct):
    """A question whose text is the whole prompt."""

    image: str
    text: str
    question_id: str | int


class Categorised(Prompted):
    category: str


class Hallusion(msgspec.Struct):
    category: str
    subcategory: str
    visual_input: Scalar
    set_id: Scalar
    figure_id: Scalar
    question_id: Scalar
    question: str
    gt_answer: Scalar
    filename: str | None = None
    gt_answer_details: str | None = None


class Ability(msgspec.Struct):
    image_path: str
    question: str
    gt_answers: Answer


class Ocr(msgspec.Struct):
    image_path: str
    question: str
    answers: Answer
    type: str


class HiddenExam(msgspec.Struct):
    id: str | int
    type: str
    question: str
    img_list: list[str] | None = None


class Exam(HiddenExam, kw_only=True):
    answer: Answer


class Scene(msgspec.Struct):
    video: str
    prompt_id: str
    conversations: list[SpokenTurn]
    target: Target | None = None


class SpokenTurn(msgspec.Struct):
    value: Answer


class Target(msgspec.Struct):
    boxes: list[list[float]] | None = None


class Part(msgspec.Struct):
    type: str
    text: str | None = None
    image: str | None = None


class Message(msgspec.Struct):
    role: str
    content: list[Part]


class Steps(msgspec.Struct):
    steps: str | list[Scalar | dict[str, Any]] | None = None


class Plan(msgspec.Struct):
    messages: list[Message]
    target: Steps | None = None


class LongVideoQuestion(msgspec.Struct):
    video: str
    question: str
    candidates: Annotated[list[str], msgspec.Meta(min_length=2, max_length=26)]
    question_type: str
    answer: str | None = None
    question_id: Scalar | None = None


class Round(msgspec.Struct):
    scan_id: Scalar
    system_prompt: str
    new_observations: list[str]
    user_message: str
    type: str
    answer: Answer
    option: list[str] | None = None
