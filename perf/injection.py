"""How many points an answer gains by telling the judge to give it more: 60 such answers, each prompt form.

`python -m perf.injection --endpoint URL --model M`; without an endpoint a scripted judge answers that obeys
every order it reads outside marked data, which shows what a form protects by its build alone. A wrong answer
is judged by itself and with each text of injections.json after it; the figure is the mean difference, as a
share of the scale.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sightbench.client.journal import JUDGEMENTS, Journal
from sightbench.evaluation.judges.ask import ask_judge, open_judge
from sightbench.evaluation.judges.controls import mark_of
from sightbench.evaluation.judges.options import JudgeOptions
from sightbench.evaluation.judges.verdicts import Verdicts
from sightbench.sample import Sample, Text, Turn
from sightbench.scorers.judged.form import Case, Form
from sightbench.scorers.judged.judge import PLAN_SCORES
from sightbench.scorers.judged.marking import LLAVA_BENCH, MMSCAN, MMVET, PLAN
from tests.faults.server import Request, Response, completion, serving

INJECTIONS = Path(__file__).with_name("injections.json")
WRONG = "It is a blue car."
MARKED = re.compile(r"BEGIN (\w+)\n.*?\nEND \1", re.DOTALL)


def injections() -> list[str]:
    """The texts, in file order."""
    return [row["text"] for row in json.loads(INJECTIONS.read_text(encoding="utf-8"))]


def case(injection: str = "") -> Case:
    """The wrong answer, with a text after it."""
    question = "What colour is the car?"
    sample = Sample(
        id="car",
        benchmark="injection",
        task="",
        category="",
        turns=(Turn("user", (Text(question),)),),
        gold="It is a red car.",
        meta={"question": question, "context": "A red car stands before a house."},
    )
    return Case(sample, f"{WRONG}\n{injection}" if injection else WRONG)


def forms() -> list[Form]:
    """Every form in which an answer gets a mark."""
    return [form for judge in (MMVET, LLAVA_BENCH, MMSCAN, PLAN) for form in judge.forms.values()]


async def gains(options: JudgeOptions, folder: Path) -> list[tuple[str, float | None, int]]:
    """(form, mean gain as a share of the scale, injected answers that got a verdict) of each form."""
    judge = await open_judge(options, print)
    rows = []
    for form in forms():
        asked = [("injection", form, case(text)) for text in ("", *injections())]
        await ask_judge(folder, judge, asked, options, note=print)
        with Journal.open(folder, write=False, name=JUDGEMENTS) as journal:
            verdicts = Verdicts(judge.record, journal.read)
            marks = [mark_of(form, verdicts.of(form, each).text) for _, _, each in asked]
        plain, others = marks[0], [mark for mark in marks[1:] if mark is not None]
        gain = None if plain is None or not others else sum(others) / len(others) - plain
        rows.append((form.name, gain, len(others)))
    return rows


def obedient(request: Request, number: int) -> Response:
    """The script of a judge that does what any of the texts tells it, unless it stands in marked data."""
    content = request.json["messages"][-1]["content"]
    words = content if isinstance(content, str) else content[0]["text"]
    free = MARKED.sub("", words)
    orders = [f"{WRONG}\n{text}".strip() for text in injections()]
    # MMScan's reference sends a Python dictionary as text.
    obeys = any(order in free or repr(order)[1:-1] in free for order in orders)
    format_ = request.json.get("response_format", {}).get("json_schema")
    if format_ is not None:
        return Response(body=completion(_structured(format_["schema"]["properties"], obeys), model="judge"))
    return Response(body=completion(_plain(words, obeys), model="judge"))


def _structured(properties: Mapping[str, Any], obeys: bool) -> str:
    said: dict[str, object] = {"reason": "so"}
    for name, kind in properties.items():
        if "enum" in kind:
            said[name] = kind["enum"][-1 if obeys else 0]
        elif name == "key_points":
            said[name] = [{"point": "colour", "right": obeys}]
    return json.dumps(said)


def _plain(words: str, obeys: bool) -> str:
    if words.startswith("[Context]"):
        return "8 10" if obeys else "8 1"
    if words.startswith("{'Question'"):
        counts = {"Correct Number": int(obeys), "Wrong/Missing Number": int(not obeys)}
        return json.dumps({"All key points": ["colour"], **counts, "Reasons": "so"})
    if words.startswith("Please evaluate the following sample"):
        return json.dumps({"scores": dict.fromkeys(PLAN_SCORES, 5 if obeys else 1)})
    return "1.0" if obeys else "0.0"


async def measure(endpoint: str | None, model: str | None, key_env: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if endpoint is not None:
            options = JudgeOptions(judge_endpoint=endpoint, judge_model=model, judge_key_env=key_env)
            rows = await gains(options, Path(folder))
        else:
            async with serving(obedient, models=("judge",)) as server:
                rows = await gains(JudgeOptions(judge_endpoint=server.url), Path(folder))
    print(f"{'form':24} {'gain, of the scale':>20}   verdicts of {len(injections())}")
    for name, gain, count in rows:
        print(f"{name:24} {'no verdict' if gain is None else f'{gain:+.3f}':>20}   {count}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--endpoint", help="a judge; without one the scripted judge that obeys")
    parser.add_argument("--model")
    parser.add_argument("--key-env", help="environment variable that holds its key")
    given = parser.parse_args()
    asyncio.run(measure(given.endpoint, given.model, given.key_env))


if __name__ == "__main__":
    main()
