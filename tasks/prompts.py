"""The sentences a benchmark adds to its questions, word for word as its reference does.

A profile names whose words: `internvl` (OpenGVLab/InternVL internvl_chat/eval, and for VLMEvalKit's own
data sets VLMEvalKit's InternVL wrapper), `vlmevalkit` (what VLMEvalKit asks a model it has no wrapper
for), `lmms_eval`, `official` (the benchmark's own repository). `internvl_cot` asks for reasoning first
(USE_COT=1 of the wrapper, --cot of internvl_chat/eval), `internvl_mpo` is the wording for models trained
with preference optimisation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sightbench.sample import Image, Media, Part, Text

LETTER = "Answer with the option's letter from the given choices directly."
LETTER_CN = "请直接回答选项字母。"
DIRECT = "Answer the question directly."
DIRECT_CN = "请直接回答问题。"
SHORT = "Answer the question using a single word or phrase."
YES_NO = "Please answer yes or no."
UNANSWERABLE = "When the provided information is insufficient, respond with 'Unanswerable'."
SELECT = "Please select the correct answer from the options above. \n"
CAPTION = "Provide a one-sentence caption for the provided image."
CAPTION_VLMEVALKIT = (
    "Please describe this image in general. Directly provide the description, "
    'do not include prefix like "This image depicts". '
)
REFER = "Please provide the bounding box coordinate of the region this sentence describes: <ref>{}</ref>"
REFER_LMMS = (
    "Bounding box coordinates are specified in the format (top-left x, top-left y, bottom-right x, "
    "bottom-right y). All values are floating point numbers bounded between 0 and 1. Please provide the "
    "bounding box coordinate of the region this sentence describes: {}"
)
DETAIL = " Please give a detailed answer."
DETAIL_VLMEVALKIT = "\nAnswer this question in detail."
BACKTICKS = LETTER + " Enclose the option's letter within ``."
REASON_FIRST = (
    "Your task is to answer the question below. Give step by step reasoning before you answer, and when "
    'you\'re ready to answer, please use the format "Final answer: .."\n\nQuestion:\n\n{}'
)
BOXED_YES_NO = (
    "Answer the preceding yes-or-no question. Think step by step logically, considering all relevant "
    "information before answering. If you are uncertain or the problem is ambiguous, make a reasoned guess "
    "based on the information provided. The last line of your response must be exactly in this format: "
    "'Answer: \\boxed{Yes}' or 'Answer: \\boxed{No}' (without quotes)."
)
BOXED_LETTER = (
    "Answer the preceding multiple choice question. The last line of your response should follow this "
    "format: 'Answer: \\boxed{$LETTER}' (without quotes), where LETTER is one of the options. If you are "
    "uncertain or the problem is too complex, make a reasoned guess based on the information provided. "
    "Avoid repeating steps indefinitely—provide your best guess even if unsure. Think step by step "
    "logically, considering all relevant information before answering."
)
BOXED_ANSWER = (
    "Answer the preceding question. The last line of your response should follow this format: 'Answer: "
    "\\boxed{$FINAL_ANSWER}' (without quotes), where 'FINAL_ANSWER' is your conclusion based on the "
    "reasoning provided. If you are uncertain or the problem is too complex, make a reasoned guess based on "
    "the information provided. Avoid repeating steps indefinitely—provide your best guess even if unsure. "
    "Think step by step logically, considering all relevant information before answering."
)
CMMMU = {
    "选择": "请回答上述多项选择题，并选出正确选项。这些题目可能包括单选和多选题型。"
    "如果所提供的信息不足以确定一个明确的答案，那么请根据可用的数据和你的判断来选择最可能正确的选项。",
    "判断": "请回答上述判断题，并根据题目描述和所给的信息来判断问题中陈述的对错。"
    "如果信息不完整或不足以作出绝对判断，请运用你的逻辑推理和现有信息来做出最可能的判断。",
    "填空": "请回答上述填空题，并根据题目的要求和所提供的信息来给出最恰当的答案。"
    "如果信息不足以确切回答，那么请依据现有的数据和你的推理能力来填写最合理的答案。",
}
COT_TOKENS = 4096
REASONED = ("internvl_cot", "internvl_mpo")
"""Profiles that ask for reasons first, and leave room for them on every benchmark."""

CHINESE = re.compile("[\u4e00-\u9fff]")


def short(question: str, profile: str) -> str:
    """A question that wants a word or a phrase: after a space (InternVL) or a line break (the others)."""
    return question + (" " if profile in ("internvl", "official") else "\n") + SHORT


def text_vqa(question: str, profile: str) -> str:
    """TextVQA's question, which lmms-eval capitalises; tokens read in the image stand on a line below it."""
    if profile == "lmms_eval":
        asked, line, tokens = question.partition("\n")
        question = asked.capitalize() + line + tokens
    return short(question, profile)


def vizwiz(question: str, profile: str) -> str:
    if profile == "lmms_eval":
        return f"{question.capitalize()}\n{UNANSWERABLE}\n{SHORT}"
    joint = "\n" if profile == "vlmevalkit" else " "
    return f"{question}{joint}{UNANSWERABLE} {SHORT}"


def ok_vqa(question: str, profile: str) -> str:
    return f"{question}\n{UNANSWERABLE}\n{SHORT}" if profile == "lmms_eval" else short(question, profile)


def chart(question: str, profile: str) -> str:
    if profile == "lmms_eval":
        return f"{question}\nAnswer the question with a single word."
    return short(question, profile)


def as_it_is(question: str, profile: str) -> str:
    return question


def ocr_bench(question: str, profile: str) -> str:
    if profile == "internvl_mpo":
        return REASON_FIRST.format(question).strip()
    return f"{question}\n{SHORT}" if profile in ("internvl", "internvl_cot") else question


def yes_no(question: str, profile: str) -> str:
    """HallusionBench's question, which does not say by itself that yes or no is wanted."""
    if profile in ("vlmevalkit", "lmms_eval"):
        return question
    if profile == "internvl_cot":
        return f"{question}\n{BOXED_YES_NO}"
    if profile == "internvl_mpo":
        return REASON_FIRST.format(question).strip()
    return f"{question} {YES_NO} {SHORT}"


def mme(question: str, profile: str) -> str:
    """MME's question, which already ends with "Please answer yes or no."."""
    if profile == "vlmevalkit":
        return question
    if profile == "lmms_eval":
        return f"{question.strip().replace(' ' + YES_NO, '')}\n{SHORT}"
    return f"{question} {SHORT}"


def reasoned(question: str, profile: str) -> str:
    """A question asked as it is, or with a call for reasoning where the profile wants one."""
    if profile == "internvl_cot":
        return f"{question}\n{BOXED_ANSWER}"
    return REASON_FIRST.format(question).strip() if profile == "internvl_mpo" else question


def cot(profile: str, answer: str = "final_answer") -> dict[str, str]:
    """{"cot": how the answer is marked} for a profile that reasons first: `final_answer` or `boxed`."""
    if profile == "internvl_mpo":
        return {"cot": "final_answer"}
    return {"cot": answer} if profile == "internvl_cot" else {}


def lettered(options: Mapping[str, str]) -> str:
    return "\n".join(f"{letter}. {text}" for letter, text in options.items())


def options_then(question: str, options: Mapping[str, str], hint: str | None, instruction: str) -> str:
    """hint, question, "A. ..." and the instruction, a line each; what is absent leaves no line."""
    return "\n".join(part for part in (hint, question, lettered(options), instruction) if part)


def choice(question: str, options: Mapping[str, str], hint: str | None, profile: str) -> str:
    """A multiple-choice question of a VLMEvalKit data set."""
    if profile == "vlmevalkit":
        head = f"Hint: {hint}\n" if hint else ""
        tail = f"Options:\n{lettered(options)}\n{SELECT}" if options else ""
        return f"{head}Question: {question}\n{tail}"
    if profile == "internvl_mpo":
        return REASON_FIRST.format(f"{question}\n{lettered(options)}\n" if options else question).strip()
    text = options_then(question, options, hint, "")
    chinese = CHINESE.search(text)
    if options:
        text += "\n" + (LETTER_CN if chinese else LETTER)
    else:
        text += "\n" + (DIRECT_CN if chinese else DIRECT)
    return f"{text.replace(LETTER, '').strip()}\n{BOXED_LETTER}" if profile == "internvl_cot" else text


def interleave(text: str, marker: str, media: Sequence[Media]) -> tuple[Part, ...]:
    """`text` with each `marker` replaced by the next image, empty text left out.

    ValueError if markers and images differ in number.
    """
    pieces = text.split(marker)
    if len(pieces) - 1 != len(media):
        raise ValueError(f"has {len(pieces) - 1} {marker} and {len(media)} images")
    parts: list[Part] = [Text(pieces[0])] if pieces[0] else []
    for image, piece in zip(media, pieces[1:], strict=True):
        parts.append(Image(image))
        if piece:
            parts.append(Text(piece))
    return tuple(parts)
