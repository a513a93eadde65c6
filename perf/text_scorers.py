"""How long grading free text takes: VQA answers, and captions beside pycocoevalcap.

Run: python -m perf.text_scorers        (pip install pycocoevalcap for the side-by-side ratios; Java for its
tokenizer's)
"""

from __future__ import annotations

import importlib.util
import random
import shutil
import time
from collections.abc import Callable

from sightbench.scorers.text.caption import bleu, cider_d, rouge_l
from sightbench.scorers.text.ptb import caption_tokens
from sightbench.scorers.text.vqa import VQA_ACCURACY

SCENES = ("kitchen", "street", "beach", "train station", "snowy hill", "living room", "grassy field")
THINGS = (
    "man",
    "woman",
    "dog",
    "red bus",
    "tennis player",
    "plate of food",
    "laptop",
    "surfboard",
    "giraffe",
)
VERBS = ("standing", "sitting", "riding past", "looking at", "walking through", "lying on", "playing in")
WORDS = (
    "yes",
    "no",
    "2",
    "two",
    "red",
    "black and white",
    "the left",
    "don't know",
    "1,000",
    "john's",
    "T-shirt.",
)


def main() -> None:
    rng = random.Random(0)
    vqa(rng)
    captions(rng)


def vqa(rng: random.Random, answers: int = 200_000) -> None:
    lines = []
    for number in range(answers):
        golds = [rng.choice(WORDS) if rng.random() < 0.7 else f"thing {number % 50_000}" for _ in range(10)]
        lines.append((rng.choice((*golds, f"a thing, {number}?")), golds))
    for profile in VQA_ACCURACY.profiles:
        started = time.perf_counter()
        for prediction, golds in lines:
            VQA_ACCURACY.grade(prediction, golds, {}, profile)
        seconds = time.perf_counter() - started
        print(f"VQA accuracy, {profile}: {answers:,} answers in {seconds:.1f} s (target: under 20 s)")


def captions(rng: random.Random, images: int = 5_000) -> None:
    def caption() -> str:
        first, second = rng.choices(THINGS, k=2)
        return f"A {first} {rng.choice(VERBS)} a {rng.choice(SCENES)} near the {second}."

    raw = [caption() for _ in range(images * 6)]
    started = time.perf_counter()
    tokens = caption_tokens(raw)
    print(f"tokenizer: {len(raw):,} captions in {time.perf_counter() - started:.2f} s")
    answers = tokens[:images]
    references = [tokens[images + 5 * i : images + 5 * i + 5] for i in range(images)]
    ours = {
        "CIDEr": timed(lambda: cider_d(answers, references)),
        "BLEU": timed(lambda: bleu(answers, references)),
        "ROUGE-L": timed(lambda: list(map(rouge_l, answers, references))),
    }
    if importlib.util.find_spec("pycocoevalcap") is None:
        print(f"{images:,} images: {ours}; pycocoevalcap is not installed, so no ratios")
        return
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    gts = dict(enumerate(references))
    res = {i: [answer] for i, answer in enumerate(answers)}
    theirs = {
        "CIDEr": timed(lambda: Cider().compute_score(gts, res)),
        "BLEU": timed(lambda: Bleu(4).compute_score(gts, res, verbose=0)),
        "ROUGE-L": timed(lambda: Rouge().compute_score(gts, res)),
    }
    for name, seconds in ours.items():
        print(
            f"{name}, {images:,} images: {seconds:.2f} s here, {theirs[name]:.2f} s in pycocoevalcap "
            f"({seconds / theirs[name]:.2f} of its time)"
        )
    if shutil.which("java"):
        wrapped = {i: [{"caption": text}] for i, text in enumerate(raw)}
        java = timed(lambda: PTBTokenizer().tokenize(wrapped))
        print(f"tokenizer: {timed(lambda: caption_tokens(raw)) / java:.2f} of Java's time")


def timed(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
