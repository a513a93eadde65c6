"""Captions: CIDEr-D, BLEU, ROUGE-L of a corpus as pycocoevalcap computes them; METEOR, SPICE through it.

All are properties of the evaluated set: CIDEr weighs words by how many images' references use them, BLEU
sums counts over the corpus. With a limit, or for one image (CIDEr 0), the numbers mean something else.
"""

from __future__ import annotations

import importlib.util
import math
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sightbench.scorers.aggregate import graded
from sightbench.scorers.fields import Fields
from sightbench.scorers.gold import answers as reference_captions
from sightbench.scorers.gold import strings
from sightbench.scorers.score import Grade, Metric, Row
from sightbench.scorers.scorer import Context, Extraction, Member, Profile, Scorer
from sightbench.scorers.statistics.means import bootstrap, mean
from sightbench.scorers.text.edit import common_subsequence
from sightbench.scorers.text.ptb import caption_tokens

_LONGEST_NGRAM = 4
_SIGMA = 6.0
_BETA = 1.2
_TINY, _SMALL = 1e-15, 1e-9

Ngrams = Counter[tuple[str, ...]]


def _ngrams(words: Sequence[str]) -> list[Ngrams]:
    """Counts of the 1-, 2-, 3- and 4-grams."""
    return [Counter(zip(*(words[i:] for i in range(n)), strict=False)) for n in range(1, _LONGEST_NGRAM + 1)]


def cider_d(answers: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """CIDEr-D of each image (Vedantam et al. 2015, as the COCO server has it); the corpus score is the mean.

    Takes tokenised captions, words separated by white space; returns float64 of shape (images,), about 0-10.
    """
    answer_grams = [_ngrams(answer.split()) for answer in answers]
    reference_grams = [[_ngrams(each.split()) for each in group] for group in references]
    images_with: Counter[tuple[str, ...]] = Counter()
    for group in reference_grams:
        images_with.update({gram for grams in group for counts in grams for gram in counts})
    log_images = math.log(len(answers)) if answers else 0.0
    rarity = {gram: log_images - math.log(count) for gram, count in images_with.items()}

    def weighed(grams: list[Ngrams]) -> tuple[list[dict[tuple[str, ...], float]], list[float], int]:
        vectors = [{g: c * rarity.get(g, log_images) for g, c in counts.items()} for counts in grams]
        norms = [math.sqrt(sum(w * w for w in vector.values())) for vector in vectors]
        return vectors, norms, sum(grams[1].values())

    scores = np.zeros(len(answers))
    for image, (grams, group) in enumerate(zip(answer_grams, reference_grams, strict=True)):
        vectors, norms, length = weighed(grams)
        total = 0.0
        for other_grams in group:
            other_vectors, other_norms, other_length = weighed(other_grams)
            penalty = math.exp(-((length - other_length) ** 2) / (2 * _SIGMA**2))
            for vector, norm, other, other_norm in zip(
                vectors, norms, other_vectors, other_norms, strict=True
            ):
                shared = sum(min(w, other[g]) * other[g] for g, w in vector.items() if g in other)
                if norm and other_norm:
                    shared /= norm * other_norm
                total += shared * penalty
        scores[image] = total / _LONGEST_NGRAM / len(group) * 10
    return scores


def bleu(answers: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
    """Corpus BLEU-1 to BLEU-4 in 0-1 (Papineni et al. 2002), against the reference nearest in length."""
    matched = np.zeros(_LONGEST_NGRAM)
    guessed = np.zeros(_LONGEST_NGRAM)
    answer_length = reference_length = 0
    for answer, group in zip(answers, references, strict=True):
        words = answer.split()
        lengths = [len(each.split()) for each in group]
        answer_length += len(words)
        reference_length += min((abs(length - len(words)), length) for length in lengths)[1]
        most = [Counter[tuple[str, ...]]() for _ in range(_LONGEST_NGRAM)]
        for each in group:
            for seen, counts in zip(most, _ngrams(each.split()), strict=True):
                seen |= counts
        for n, (counts, seen) in enumerate(zip(_ngrams(words), most, strict=True)):
            guessed[n] += max(0, len(words) - n)
            matched[n] += sum(min(count, seen[gram]) for gram, count in counts.items() if gram in seen)
    ratio = (answer_length + _TINY) / (reference_length + _SMALL)
    brevity = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    product, scores = 1.0, []
    for n in range(_LONGEST_NGRAM):
        product *= float(matched[n] + _TINY) / float(guessed[n] + _SMALL)
        scores.append(product ** (1 / (n + 1)) * brevity)
    return scores


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """ROUGE-L in 0-1 (Lin 2004): best precision and best recall over the references, beta 1.2.

    Words are split at single spaces, so an empty caption is one empty word, as in the reference.
    """
    letters: dict[str, str] = {}
    words = _as_characters(answer.split(" "), letters)
    precision = recall = 0.0
    for reference in references:
        other = _as_characters(reference.split(" "), letters)
        common = common_subsequence(words, other)
        precision, recall = max(precision, common / len(words)), max(recall, common / len(other))
    if not precision or not recall:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _as_characters(words: Sequence[str], letters: dict[str, str]) -> str:
    return "".join(letters.setdefault(word, chr(len(letters))) for word in words)


def caption_scores(
    answers: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: bool = True
) -> dict[str, float]:
    """CIDEr, Bleu_1..4 and ROUGE_L of raw captions (tokenised here), as COCOEvalCap prints them."""
    if tokenize:
        answers, references = tokenized(answers, references)
    if not answers:
        raise ValueError("rows: no captions to score")
    scores = {"CIDEr": float(np.mean(cider_d(answers, references)))}
    scores |= {f"Bleu_{n}": score for n, score in enumerate(bleu(answers, references), 1)}
    rouge = [rouge_l(answer, group) for answer, group in zip(answers, references, strict=True)]
    scores["ROUGE_L"] = float(np.mean(rouge))
    return scores


def tokenized(
    answers: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Both sides as pycocoevalcap scores them: all references are one text, all answers another."""
    flat = iter(caption_tokens([each for group in references for each in group]))
    return caption_tokens(answers), [[next(flat) for _ in group] for group in references]


def corpus_metrics(
    answers: Sequence[str], references: Sequence[Sequence[str]], *, java: bool, tokenize: bool = True
) -> tuple[Metric, ...]:
    """CIDEr, BLEU-1..4, ROUGE-L, and with `java` METEOR and SPICE, of raw captions, each x100.

    CIDEr's error is a bootstrap over images with the document frequencies held fixed.
    """
    if tokenize:
        answers, references = tokenized(answers, references)
    if not answers:
        return (Metric("CIDEr", None, 0, "", note="nothing to average"),)
    images = range(len(answers))
    per_image = cider_d(answers, references) * 100
    metrics = [bootstrap("CIDEr", lambda chosen: float(per_image[chosen].mean()), images, unit="")]
    for n, score in enumerate(bleu(answers, references), 1):
        metrics.append(Metric(f"Bleu_{n}", score * 100, len(answers)))
    rouge = [rouge_l(answer, group) for answer, group in zip(answers, references, strict=True)]
    metrics.append(mean("ROUGE_L", rouge))
    if java:
        metrics += [_meteor(answers, references), _spice(answers, references)]
    return tuple(metrics)


def _meteor(answers: Sequence[str], references: Sequence[Sequence[str]]) -> Metric:
    if missing := _java_missing():
        return Metric("METEOR", None, 0, note=missing)
    from pycocoevalcap.meteor.meteor import Meteor

    return _through("METEOR", Meteor, answers, references)


def _spice(answers: Sequence[str], references: Sequence[Sequence[str]]) -> Metric:
    if missing := _java_missing():
        return Metric("SPICE", None, 0, note=missing)
    package = importlib.util.find_spec("pycocoevalcap.spice")
    folders = list(package.submodule_search_locations or ()) if package else []
    if not any(list(Path(folder, "lib").glob("stanford-corenlp-*-models.jar")) for folder in folders):
        return Metric("SPICE", None, 0, note=f"n/a: SPICE's models are missing: {SPICE_MODELS}")
    from pycocoevalcap.spice.spice import Spice

    return _through("SPICE", Spice, answers, references)


SPICE_MODELS = "python -m pycocoevalcap.spice.get_stanford_models downloads them"


def _java_missing() -> str:
    """Why what pycocoevalcap computes in Java is not there, with what to do; empty if nothing is missing."""
    if importlib.util.find_spec("pycocoevalcap") is None:
        return "n/a: pip install 'sightbench[captions]', and Java"
    return "" if shutil.which("java") else "n/a: needs Java (8 for SPICE)"


def _through(
    name: str, metric: Callable[[], Any], answers: Sequence[str], references: Sequence[Sequence[str]]
) -> Metric:
    """A metric of pycocoevalcap's, x100; without a value where its Java program fails."""
    scorer = None
    try:
        scorer = metric()
        score, _ = scorer.compute_score(
            {i: list(group) for i, group in enumerate(references)},
            {i: [answer] for i, answer in enumerate(answers)},
        )
        return Metric(name, float(score) * 100, len(answers))
    except Exception as error:  # whatever its subprocess does, no report is lost to it
        lock = getattr(scorer, "lock", None)
        if lock is not None and lock.locked():
            # Meteor keeps it when its program dies, and waits for it when it is deleted.
            lock.release()
        why = " ".join(str(error).split())[:80]
        return Metric(name, None, 0, note=f"n/a: pycocoevalcap failed ({type(error).__name__}: {why})")


def _tokenizes(profile: str) -> bool:
    """VLMEvalKit hands captions to pycocoevalcap as they are, capitals and full stops included."""
    return profile != Profile.VLMEVALKIT


def _judge(extraction: Extraction, golds: list[str], fields: Fields, context: Context) -> Grade:
    scores = caption_scores([extraction.answer], [golds], tokenize=_tokenizes(context.profile))
    return Grade(scores["ROUGE_L"], extraction.answer, rule="ROUGE-L: one image has no CIDEr", detail=scores)


def _judge_corpus(members: Sequence[Member[str, list[str], Fields]], profile: Profile) -> Grade:
    answers = [str(member.grade.parsed) for member in members]
    references = [member.gold for member in members if member.gold is not None]
    if len(references) < len(answers):
        raise ValueError("rows: each needs a `gold`, the reference captions")
    scores = caption_scores(answers, references, tokenize=_tokenizes(profile))
    return Grade(scores["CIDEr"], answers, rule="corpus CIDEr of the rows", detail=scores)


def _aggregate(rows: Sequence[Row], profile: str) -> Metric:
    """CIDEr x100 over all rows; below it the other metrics and, where samples have categories, CIDEr of each.

    A category's CIDEr takes its own images as the corpus, as the NoCaps domains are reported.
    """
    known = graded(rows)
    headline, *others = _corpus(known, profile, java=_tokenizes(profile))
    lengths = [float(len(_caption(row).split())) for row in known]
    others.append(mean("caption length", lengths, scale=1.0, unit="words", bounds=None))
    categories: dict[str, list[Row]] = {}
    for row in known:
        categories.setdefault(row.sample.category, []).append(row)
    if len(categories) > 1:
        others += [
            replace(_corpus(group, profile, java=False)[0], name=name) for name, group in categories.items()
        ]
    return replace(headline, parts=tuple(others))


def _corpus(rows: Sequence[Row], profile: str, *, java: bool) -> tuple[Metric, ...]:
    tokenize = _tokenizes(profile)
    references = [strings(row.sample.gold, listed=not tokenize) for row in rows]
    return corpus_metrics([_caption(row) for row in rows], references, java=java, tokenize=tokenize)


def _caption(row: Row) -> str:
    return str(row.score.parsed or "")


CAPTION: Scorer[str, list[str], Fields] = Scorer(
    name="caption",
    fields=Fields,
    gold=reference_captions,
    judge=_judge,
    judge_set=_judge_corpus,
    aggregate=_aggregate,
    profiles=(Profile.OFFICIAL, Profile.VLMEVALKIT),
    gold_help="the reference captions: a list of strings, or of objects with `caption`",
    rows_help="a whole corpus, instead of prediction and gold: a list of {prediction, gold}",
    help="Captions after Penn Treebank tokenisation (vlmevalkit: none). With rows, the score is the corpus's "
    "CIDEr (about 0-10; 0.95 is what reports call 95), detail holds Bleu_1..4 and ROUGE_L. Alone, an image "
    "has no CIDEr: the score is its ROUGE-L.",
    axes=("category",),
    whole_set=True,
)
