"""InternVL's annotation files: JSON lines with an image path, a question and, mostly, an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from sightbench.errors import DatasetError, UsageError
from sightbench.sample import Sample
from sightbench.tasks import prompts
from sightbench.tasks.benchmark import load_json, parse_json
from sightbench.tasks.readers.files import jsonl, shapes
from sightbench.tasks.readers.files.disk import Seen, find, images, user
from sightbench.tasks.readers.files.layout import LayoutReader, Source

Prompt = Callable[[str, str], str]
"""(question, profile) -> the text that is asked."""


def short_answers(
    prompt: Prompt,
    gold: tuple[str, ...] = (),
    *,
    hidden: bool = False,
    unique: bool = True,
    task: str = "",
    types: tuple[str, ...] = (),
) -> LayoutReader:
    """{image, question, question_id, answer}; `gold` names the official annotations, which then count.

    Without such a file the answer must be a list. `unique` False: question_id names the image, so the id
    is the line's position. `types` is GQA's question file, for the breakdown by kind of question.
    """

    def read(source: Source) -> Iterator[Sample]:
        bases = (source.data, source.path.parent)
        answers = None if hidden else _answers(source, gold)
        kinds = _kinds(source, types)
        seen = Seen(source.path, source.problems)
        for line, row in jsonl.rows(source.path, source.problems, shapes.ShortAnswer):
            name = str(row["question_id"])
            id = name if unique else f"{line}"
            if seen.again(id, line):
                continue
            media = images((row["image"],), bases, source.problems, source.path, line)
            if media is None:
                continue
            wanted = None if hidden else (row.get("answer") if answers is None else answers.get(name))
            if wanted is None and not hidden:
                source.problems.broke(f"question {name} has no gold answer", source.path, line)
                continue
            if gold and answers is None and not hidden and not isinstance(wanted, list):
                raise UsageError(
                    f"{source.path.name} holds one answer a question, the metric wants all of them: "
                    f"put {' or '.join(gold)} below {source.data}"
                )
            yield Sample(
                id=f"{task}/{id}" if task else id,
                benchmark="",
                task=task,
                category=kinds.get(name, task),
                turns=user(media, prompt(row["question"], source.profile)),
                gold=wanted,
                meta={"question": row["question"], "question_id": row["question_id"], "image": row["image"]},
            )

    return read


def _answers(source: Source, gold: tuple[str, ...]) -> Mapping[str, list[str]] | None:
    """question id -> answers, from VQA ({annotations}) or DocVQA ({data}) annotations; None if absent."""
    path = find(source.data, gold) or find(source.path.parent, [Path(name).name for name in gold])
    if path is None:
        return None
    content = load_json(path)
    try:
        if "annotations" in content:
            return {
                str(item["question_id"]): [answer["answer"] for answer in item["answers"]]
                for item in content["annotations"]
            }
        return {str(item["questionId"]): list(item["answers"]) for item in content["data"]}
    except (KeyError, TypeError) as error:
        raise DatasetError(f"is no VQA or DocVQA annotation file: {error}", path) from None


def _kinds(source: Source, types: tuple[str, ...]) -> Mapping[str, str]:
    path = find(source.data, types) or find(source.path.parent, [Path(name).name for name in types])
    if path is None:
        return {}
    return {id: question["types"]["structural"] for id, question in load_json(path).items()}


def chart_qa(source: Source) -> Iterator[Sample]:
    """ChartQA: test_human and test_augmented beside it, InternVL's .jsonl or the release's .json."""
    for task in ("human", "augmented"):
        path = source.path.with_name(source.path.name.replace("human", task))
        if not path.is_file():
            source.problems.skip("halves of ChartQA that are not there", path)
            continue
        bases = (source.data, path.parent, path.parent / "png")
        for line, row in jsonl.rows(path, source.problems, shapes.Chart):
            image, question = row.get("image", row.get("imgname")), row.get("question", row.get("query"))
            answer = row.get("answer", row.get("label"))
            if not isinstance(image, str) or not isinstance(question, str) or answer is None:
                source.problems.broke("has no image, question and answer (imgname, query, label)", path, line)
                continue
            media = images((image,), bases, source.problems, path, line)
            if media is not None:
                yield Sample(
                    id=f"{task}/{line}",
                    benchmark="",
                    task=task,
                    category=task,
                    turns=user(media, prompts.chart(question, source.profile)),
                    gold=answer,
                    meta={"question": question, "image": image},
                )


def referring(source: Source) -> Iterator[Sample]:
    """RefCOCO: {image, sent, bbox [x1, y1, x2, y2] in pixels, height, width}; ids are line numbers."""
    for line, row in jsonl.rows(source.path, source.problems, shapes.Expression):
        media = images((row["image"],), (source.data, source.path.parent), source.problems, source.path, line)
        if media is None:
            continue
        wording = prompts.REFER_LMMS if source.profile == "lmms_eval" else prompts.REFER
        yield Sample(
            id=str(line),
            benchmark="",
            task="",
            category="",
            turns=user(media, wording.format(row["sent"])),
            gold=row["bbox"],
            meta={"hw": [row["height"], row["width"]], "question": row["sent"], "image": row["image"]},
        )


def science_qa(source: Source) -> Iterator[Sample]:
    """ScienceQA's image questions: {image, question, hint, choices, answer (index from 0)}."""
    for line, row in jsonl.rows(source.path, source.problems, shapes.Science):
        media = images((row["image"],), (source.data, source.path.parent), source.problems, source.path, line)
        if media is None:
            continue
        options = dict(zip(ascii_uppercase, row["choices"], strict=False))
        if not isinstance(row["answer"], int) or not 0 <= row["answer"] < len(options):
            source.problems.broke(f"the answer {row['answer']!r} is no index of a choice", source.path, line)
            continue
        cot = source.profile == "internvl_cot"
        wording = prompts.options_then(
            row["question"], options, row.get("hint"), "" if cot else prompts.LETTER
        ).strip()
        yield Sample(
            id=str(row.get("question_id", row.get("id", line))),
            benchmark="",
            task="",
            category=str(row.get("subject", "")),
            turns=user(media, prompts.REASON_FIRST.format(wording) if cot else wording),
            gold=ascii_uppercase[row["answer"]],
            meta={**row, "hint": row.get("hint") or "", "choices": options, **prompts.cot(source.profile)},
        )


POPE_CATEGORIES = ("adversarial", "popular", "random")


def pope(source: Source) -> Iterator[Sample]:
    """POPE as LLaVA ships it: {image, text, category}; gold by position from coco_pope_<category>.json."""
    labels = {category: _pope_labels(source, category) for category in POPE_CATEGORIES}
    used = dict.fromkeys(POPE_CATEGORIES, 0)
    bases = (source.data / "pope/val2014", source.path.parent / "val2014", source.data, source.path.parent)
    broken: int | None = None
    for line, row in jsonl.in_order(source.path, source.problems, shapes.Pope):
        if row is None or broken is not None:
            broken = broken or line
            if row is not None:
                what = f"its gold goes by position, and line {broken} before it is broken"
                source.problems.broke(what, source.path, line)
            continue
        category = row["category"]
        position = used.get(category)
        if position is None or position >= len(labels[category]):
            source.problems.broke(f"there is no gold for {category} question {position}", source.path, line)
            continue
        used[category] = position + 1
        media = images((row["image"],), bases, source.problems, source.path, line)
        if media is None:
            continue
        if prompts.SHORT not in row["text"]:
            source.problems.broke(f"the text does not end with {prompts.SHORT!r}", source.path, line)
            continue
        cot = source.profile == "internvl_cot"
        bare = row["text"].replace(prompts.SHORT, "").strip()
        yield Sample(
            id=f"{category}/{position}",
            benchmark="",
            task=category,
            category=category,
            turns=user(media, prompts.REASON_FIRST.format(bare) if cot else row["text"].strip()),
            gold=labels[category][position],
            meta={"question": bare, "image": row["image"], **prompts.cot(source.profile)},
        )


def _pope_labels(source: Source, category: str) -> list[str]:
    name = f"coco_pope_{category}.json"
    path = find(source.path.parent, (f"coco/{name}", name)) or find(source.data, (f"pope/coco/{name}", name))
    if path is None:
        raise UsageError(f"POPE's gold coco/{name} is not beside {source.path}")
    labels = []
    for line, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if text.strip():
            row = parse_json(text, path, line)
            if not isinstance(row, dict) or "label" not in row:
                raise DatasetError("has no label", path, line)
            labels.append(row["label"])
    return labels


def seed(source: Source) -> Iterator[Sample]:
    """SEED v1: {question_id, image, text (the whole prompt), answer}; kinds from SEED-Bench.json if there."""
    beside = find(source.path.parent, ("SEED-Bench.json",))
    content: dict[str, Any] = load_json(beside) if beside else {}
    names = {id: name for name, id in content.get("question_type", {}).items()}
    kinds = {str(item["question_id"]): item for item in content.get("questions", ())}
    bases = (source.path.parent, source.data)
    for line, row in jsonl.rows(source.path, source.problems, shapes.Prompted):
        media = images((row["image"],), bases, source.problems, source.path, line)
        if media is None:
            continue
        kind = kinds.get(str(row["question_id"]), {})
        options = {
            letter: kind[f"choice_{letter.lower()}"]
            for letter in "ABCD"
            if f"choice_{letter.lower()}" in kind
        }
        answer = kind.get("answer", row.get("answer"))
        if answer is None:
            source.problems.broke(f"question {row['question_id']} has no answer", source.path, line)
            continue
        yield Sample(
            id=str(row["question_id"]),
            benchmark="",
            task="",
            category=names.get(kind.get("question_type_id"), ""),
            turns=user(media, row["text"]),
            gold=answer,
            meta={
                "question": row["text"],
                **({"choices": options} if options else {}),
                **{key: kind[key] for key in ("question_type_id", "data_type") if key in kind},
            },
        )


def seed_release(source: Source) -> Iterator[Sample]:
    """SEED v1's own SEED-Bench.json: the questions about images, worded as in InternVL's file."""
    content = load_json(source.path)
    try:
        names = {id: name for name, id in content.get("question_type", {}).items()}
        questions = [item for item in content["questions"] if item.get("data_type", "image") == "image"]
    except (AttributeError, KeyError, TypeError) as error:
        raise DatasetError(f"is no SEED-Bench question file: {error}", source.path) from None
    folder = source.path.parent
    bases = (folder / "SEED-Bench-image", folder, source.data)
    for position, item in enumerate(questions, start=1):
        try:
            options = {letter: str(item[f"choice_{letter.lower()}"]) for letter in "ABCD"}
            question, id, answer, image = (
                item[key] for key in ("question", "question_id", "answer", "data_id")
            )
        except KeyError as error:
            source.problems.broke(f"has no {error}", source.path, position)
            continue
        media = images((image,), bases, source.problems, source.path, position)
        if media is None:
            continue
        text = prompts.options_then(question, options, None, prompts.LETTER)
        yield Sample(
            id=str(id),
            benchmark="",
            task="",
            category=names.get(item.get("question_type_id"), ""),
            turns=user(media, text),
            gold=answer,
            meta={
                "question": text,
                "choices": options,
                **{key: item[key] for key in ("question_type_id", "data_type") if key in item},
            },
        )


def mm_vet(source: Source) -> Iterator[Sample]:
    """MM-Vet: {question_id, image, text}, gold and capabilities from mm-vet.json."""
    path = find(source.path.parent, ("mm-vet.json", "mm-vet/mm-vet.json"))
    if path is None:
        raise UsageError(f"MM-Vet's gold mm-vet.json is not beside {source.path}")
    gold = load_json(path)
    bases = (source.path.parent / "images", source.path.parent, source.data)
    for line, row in jsonl.rows(source.path, source.problems, shapes.Prompted):
        id = f"v1_{row['question_id']}"
        media = images((row["image"],), bases, source.problems, source.path, line)
        if media is None:
            continue
        if id not in gold:
            source.problems.broke(f"{path.name} has no {id}", source.path, line)
            continue
        yield _mm_vet_sample(id, gold[id], user(media, _mm_vet_prompt(row["text"], source.profile)))


def mm_vet_gold(source: Source) -> Iterator[Sample]:
    """MM-Vet's own file: {v1_0: {imagename, question, answer, capability}} with images/ beside it."""
    bases = (source.path.parent / "images", source.path.parent, source.data)
    for id, item in load_json(source.path).items():
        media = images((item["imagename"],), bases, source.problems, source.path, None)
        if media is not None:
            yield _mm_vet_sample(id, item, user(media, _mm_vet_prompt(item["question"], source.profile)))


def _mm_vet_prompt(question: str, profile: str) -> str:
    if profile == "internvl":
        return question + " "
    return prompts.reasoned(question, profile)


def _mm_vet_sample(id: str, item: Mapping[str, Any], turns: Any) -> Sample:
    capability = list(item.get("capability", ()))
    return Sample(
        id=id,
        benchmark="",
        task="",
        category=",".join(capability),
        turns=turns,
        gold=item["answer"],
        meta={"question": item["question"], "capability": capability},
    )


def llava_bench(source: Source) -> Iterator[Sample]:
    """LLaVA-Bench in the wild: questions.jsonl, context.jsonl and answers_gpt4.jsonl, paired by line."""
    folder = source.path.parent
    beside = [
        jsonl.in_order(folder / name, source.problems) for name in ("context.jsonl", "answers_gpt4.jsonl")
    ]
    bases = (folder / "images", folder, source.data)
    questions = jsonl.in_order(source.path, source.problems, shapes.Categorised)
    for position, (line, row) in enumerate(questions):
        if row is None:
            continue
        context, answer = (rows[position][1] if position < len(rows) else None for rows in beside)
        if context is None or answer is None:
            source.problems.broke("context.jsonl or answers_gpt4.jsonl has no such line", source.path, line)
            continue
        media = images((row["image"],), bases, source.problems, source.path, line)
        if media is None:
            continue
        tail = prompts.DETAIL_VLMEVALKIT if source.profile == "vlmevalkit" else prompts.DETAIL
        yield Sample(
            id=str(row["question_id"]),
            benchmark="",
            task="",
            category=row["category"],
            turns=user(media, row["text"] + tail),
            gold=answer.get("text"),
            meta={"question": row["text"], "context": context.get("caption", context.get("text"))},
        )
