"""HallusionBench: yes or no, also by figure and by question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sightbench.sample import Json
from sightbench.scorers.choice.yesno import extract_yes_no, judge_yes_no, yes_gold
from sightbench.scorers.fields import Fields
from sightbench.scorers.groups import all_right, by, value, valued
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Member, Profile, Scorer, together
from sightbench.scorers.statistics.means import mean, mean_of


def identity(columns: Mapping[str, Json]) -> dict[str, str]:
    """Kind, set, figure and question of a row, from its own columns or from its index.

    The index reads category_subcategory_visual_set_figure_question. The kind keeps VD_ocr and VS_ocr
    apart: without the category, figures and questions of the two would be counted as one.
    """
    parts = str(columns.get("index", "")).split("_")
    names = ("category", "subcategory", "visual_input", "set_id", "figure_id", "question_id")
    from_index = dict(zip(names, parts, strict=True)) if len(parts) == len(names) else {}
    named = {name: str(columns.get(name, from_index.get(name, ""))) for name in names}
    kind = str(columns.get("l2-category") or columns.get("l2_category") or named["subcategory"])
    missing = [name for name in ("set_id", "figure_id", "question_id") if not named[name]]
    if missing:
        raise ValueError(f"{missing[0]}: missing (or an index category_sub_visual_set_figure_question)")
    return {**named, "kind": f"{named['category']} {kind}"}


def _all_right(members: Sequence[Member[str, bool, Fields]], profile: Profile) -> Grade:
    """1.0 if all rows of a figure, or of a question, are right."""
    grades = [member.grade for member in members]
    return together(grades, float(all(grade.value == 1.0 for grade in grades)))


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
    whose = identity({"category": row.sample.category, "index": row.sample.id, **row.sample.meta})
    return whose["kind"], whose["set_id"], *(whose[item] for item in items)


HALLUSIONBENCH = Scorer(
    name="hallusionbench",
    help="HallusionBench: yes or no; mean of the accuracies over rows, figures and questions.",
    profiles=(Profile.VLMEVALKIT,),
    fields=Fields,
    gold=yes_gold,
    gold_help='yes or no, or the original\'s "1" and "0"',
    extract=extract_yes_no,
    judge=judge_yes_no,
    judge_set=_all_right,
    rows_help="a figure's or a question's rows on one line: list of {prediction, gold}",
    aggregate=hallusionbench_score,
    options=("unparsed", "seed"),
    axes=("set_id", "figure_id", "question_id", "index", "category", "l2-category"),
)
SCORERS = (HALLUSIONBENCH,)
