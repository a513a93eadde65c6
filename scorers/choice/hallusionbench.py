"""HallusionBench (S10): yes or no, also by figure and by question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sightbench.scorers.choice.yesno import yes_no
from sightbench.scorers.groups import all_right, by, grade_rows, together, value, valued
from sightbench.scorers.score import Fields, Grade, Metric, Row, Scorer
from sightbench.scorers.statistics.means import mean, mean_of


def identity(fields: Mapping[str, Any]) -> dict[str, str]:
    """Kind, set, figure and question of a row, from its own columns or from its index.

    The index reads category_subcategory_visual_set_figure_question. The kind keeps VD_ocr and VS_ocr
    apart: without the category, figures and questions of the two would be counted as one.
    """
    parts = str(fields.get("index", "")).split("_")
    names = ("category", "subcategory", "visual_input", "set_id", "figure_id", "question_id")
    from_index = dict(zip(names, parts, strict=True)) if len(parts) == len(names) else {}
    found = {name: str(fields.get(name, from_index.get(name, ""))) for name in names}
    kind = str(fields.get("l2-category") or fields.get("l2_category") or found["subcategory"])
    missing = [name for name in ("set_id", "figure_id", "question_id") if not found[name]]
    if missing:
        raise ValueError(f"{missing[0]}: missing (or an index category_sub_visual_set_figure_question)")
    return {**found, "kind": f"{found['category']} {kind}"}


def hallusionbench(prediction: str, gold: Any, fields: Fields, profile: str) -> Grade:
    """One question (gold yes/no, or the original's "1"/"0"); with `rows`, 1.0 if all of them are right."""
    if "rows" in fields:
        graded = grade_rows(fields, lambda text, want, own: yes_no(text, want, own, profile))
        return together(graded, float(all(grade.value == 1.0 for _, grade in graded)))
    return yes_no(prediction, gold, fields, profile)


def hallusionbench_score(rows: Sequence[Row], profile: str) -> Metric:
    """The mean of aAcc (rows), fAcc (figures) and qAcc (questions), in %, and the three by category.

    A figure or a question is right if all its rows are.
    """
    headline = _three("mean of aAcc, fAcc, qAcc", rows)
    parts = list(headline.parts)
    for axis in ("category", "l2-category"):
        groups: dict[str, list[Row]] = {}
        for row in rows:
            groups.setdefault(str(value(row, axis) or ""), []).append(row)
        parts.extend(_three(name, members) for name, members in groups.items() if name)
    return replace(headline, parts=tuple(parts))


def _three(name: str, rows: Sequence[Row]) -> Metric:
    def rate(label: str, items: Sequence[str]) -> Metric:
        groups = by(rows, lambda row: _key(row, *items)).values()
        whole = [group for group in groups if all(row.score.value is not None for row in group)]
        # Figures and questions cross; what holds both is the set they were drawn for.
        sets = [_key(group[0]) for group in whole]
        return mean(label, [all_right(group) for group in whole], sets)

    known = valued(rows)
    single = mean("aAcc", [number for _, number in known], [_key(row) for row, _ in known])
    parts = (single, rate("fAcc", ["figure_id"]), rate("qAcc", ["question_id"]))
    return replace(mean_of(name, parts), n=single.n)


def _key(row: Row, *items: str) -> tuple[str, ...]:
    found = identity({"category": row.sample.category, "index": row.sample.id, **row.sample.meta})
    return found["kind"], found["set_id"], *(found[item] for item in items)


HALLUSIONBENCH = Scorer(
    "hallusionbench",
    hallusionbench,
    hallusionbench_score,
    ("vlmevalkit",),
    {
        "rows": "a figure's or a question's rows on one line: list of {prediction, gold}",
        "set_id": "with figure_id, question_id, category and l2-category (or index): what to group by",
    },
    "HallusionBench: yes or no; mean of the accuracies over rows, figures and questions.",
)
SCORERS = (HALLUSIONBENCH,)
