"""What is asked, to the letter, of the first question of tests/formats.py, per benchmark and profile.

The sentences are written out here as the references have them, not taken from tasks/prompts.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from sightbench.sample import Image, Sample, Text
from sightbench.tasks import catalog, prompts
from sightbench.tasks.benchmark import Selection
from tests.tasks import formats

LETTER = "Answer with the option's letter from the given choices directly."
LETTER_CN = "请直接回答选项字母。"
SHORT = "Answer the question using a single word or phrase."
UNANSWERABLE = "When the provided information is insufficient, respond with 'Unanswerable'."
BOXED_LETTER = (
    "Answer the preceding multiple choice question. The last line of your response "
    "should follow this format: 'Answer: \\boxed{$LETTER}' (without quotes), where "
    "LETTER is one of the options. If you are uncertain or the problem is too complex, "
    "make a reasoned guess based on the information provided. Avoid repeating steps "
    "indefinitely—provide your best guess even if unsure. Think step by step "
    "logically, considering all relevant information before answering."
)
BOXED_ANSWER = (
    "Answer the preceding question. The last line of your response should follow this "
    "format: 'Answer: \\boxed{$FINAL_ANSWER}' (without quotes), where 'FINAL_ANSWER' "
    "is your conclusion based on the reasoning provided. If you are uncertain or the "
    "problem is too complex, make a reasoned guess based on the information provided. "
    "Avoid repeating steps indefinitely—provide your best guess even if unsure. Think "
    "step by step logically, considering all relevant information before answering."
)
BOXED_YES_NO = (
    "Answer the preceding yes-or-no question. Think step by step logically, "
    "considering all relevant information before answering. If you are uncertain or "
    "the problem is ambiguous, make a reasoned guess based on the information "
    "provided. The last line of your response must be exactly in this format: 'Answer: "
    "\\boxed{Yes}' or 'Answer: \\boxed{No}' (without quotes)."
)
REASON_FIRST = (
    "Your task is to answer the question below. Give step by step reasoning before you "
    "answer, and when you're ready to answer, please use the format \"Final answer: "
    '.."\n\nQuestion:\n\n'
)

ONE_SHOT = (
    "user\nThere are skills. Answer with a JSON list.Example 0 input picture:<image>Example 0 input picture "
    "with numbered tags<image>Example 0 language instruction:Put the toy away.Example 0 output skill "
    'sequence{"skill_sequence": [{"name": "pick", "params": {"target_entity_name": 1}}, {"name": "place", '
    '"params": {"target_container_name": 2}}]}Input picture<image>Input picture with numbered tags<image>'
    "Language instruction:Put the toy away.Please give the output skill sequence"
)

ONE_SHOT_ZH = (
    "user\n有一些技能。示范0输入图片:<image>示范0输入带编号标签的图片<image>示范0语言指令:Put the toy away."
    '示范0输出技能序列{"skill_sequence": [{"name": "pick", "params": {"target_entity_name": 1}}, '
    '{"name": "place", "params": {"target_container_name": 2}}]}'
    "输入图片<image>输入带编号标签的图片<image>语言指令:"
    "Put the toy away.请你给出输出的技能序列"
)
EXPECTED: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "user\n<video>Segment the cow.",
        {
            "official": "dynbench synthetic",
        },
    ),
    (
        "user\n<image>What is it? " + SHORT,
        {
            "internvl": (
                "vqa-vqav2-val vqa-vqav2-testdev vqa-okvqa-val vqa-textvqa-val vqa-textvqa-val-ocr "
                "vqa-docvqa-val vqa-docvqa-test vqa-infovqa-val vqa-infovqa-test vqa-gqa-testdev "
                "vqa-ocrvqa-val vqa-ocrvqa-test TextVQA_VAL DocVQA_VAL DocVQA_TEST InfoVQA_VAL "
                "InfoVQA_TEST ChartQA_TEST OCRVQA_TESTCORE GQA_TestDev_Balanced"
            ),
            "official": (
                "vqa-vqav2-val vqa-vqav2-testdev vqa-okvqa-val vqa-textvqa-val vqa-textvqa-val-ocr "
                "vqa-docvqa-val vqa-docvqa-test vqa-infovqa-val vqa-infovqa-test vqa-gqa-testdev "
                "vqa-ocrvqa-val vqa-ocrvqa-test TextVQA_VAL DocVQA_VAL DocVQA_TEST InfoVQA_VAL "
                "InfoVQA_TEST ChartQA_TEST OCRVQA_TESTCORE GQA_TestDev_Balanced"
            ),
        },
    ),
    (
        "user\n<image>What is it?\n" + SHORT,
        {
            "vlmevalkit": (
                "vqa-vqav2-val vqa-vqav2-testdev vqa-okvqa-val vqa-textvqa-val vqa-textvqa-val-ocr "
                "vqa-docvqa-val vqa-docvqa-test vqa-infovqa-val vqa-infovqa-test vqa-gqa-testdev "
                "vqa-ocrvqa-val vqa-ocrvqa-test TextVQA_VAL DocVQA_VAL DocVQA_TEST InfoVQA_VAL "
                "InfoVQA_TEST ChartQA_TEST OCRVQA_TESTCORE GQA_TestDev_Balanced"
            ),
            "lmms_eval": (
                "vqa-vqav2-val vqa-vqav2-testdev vqa-textvqa-val vqa-textvqa-val-ocr "
                "vqa-docvqa-val vqa-docvqa-test vqa-infovqa-val vqa-infovqa-test vqa-gqa-testdev "
                "vqa-ocrvqa-val vqa-ocrvqa-test TextVQA_VAL DocVQA_VAL DocVQA_TEST InfoVQA_VAL "
                "InfoVQA_TEST ChartQA_TEST OCRVQA_TESTCORE GQA_TestDev_Balanced"
            ),
            "internvl": "OCRBench",
            "internvl_cot": "OCRBench",
        },
    ),
    (
        "user\n<image>What is it?\n" + UNANSWERABLE + "\n" + SHORT,
        {
            "lmms_eval": "vqa-okvqa-val vqa-vizwiz-val vqa-vizwiz-test",
        },
    ),
    (
        "user\n<image>What is it? " + UNANSWERABLE + " " + SHORT,
        {
            "internvl": "vqa-vizwiz-val vqa-vizwiz-test",
            "official": "vqa-vizwiz-val vqa-vizwiz-test",
        },
    ),
    (
        "user\n<image>What is it?\n" + UNANSWERABLE + " " + SHORT,
        {
            "vlmevalkit": "vqa-vizwiz-val vqa-vizwiz-test",
        },
    ),
    (
        "user\n<image>What is it?",
        {
            "internvl": "vqa-ai2d-test",
            "official": "vqa-ai2d-test",
            "vlmevalkit": "vqa-ai2d-test OCRBench",
            "lmms_eval": "vqa-ai2d-test",
        },
    ),
    (
        "user\n<image>How many bars? " + SHORT,
        {
            "internvl": "vqa-chartqa-test",
            "official": "vqa-chartqa-test",
        },
    ),
    (
        "user\n<image>How many bars?\n" + SHORT,
        {
            "vlmevalkit": "vqa-chartqa-test",
        },
    ),
    (
        "user\n<image>How many bars?\nAnswer the question with a single word.",
        {
            "lmms_eval": "vqa-chartqa-test",
        },
    ),
    (
        "user\n<image>What? " + SHORT,
        {
            "internvl": "tiny_lvlm",
        },
    ),
    (
        (
            "user\n<image>Question: Which one?\nOptions:\nA. red\nB. blue\nC. green\nD. black\n"
            "Please select the correct answer from the options above. \n"
        ),
        {
            "vlmevalkit": (
                "mmbench-dev-en mmbench-dev-en-20231003 mmbench-dev-cn mmbench-test-en "
                "mmbench-test-cn ccbench-dev MMBench_DEV_EN_V11 MMBench_DEV_CN_V11 "
                "MMBench_TEST_EN_V11 MMBench_TEST_CN_V11 MMBench_DEV_EN MMBench_DEV_CN "
                "MMBench_TEST_EN MMBench_TEST_CN CCBench MMStar AI2D_TEST AI2D_TEST_NO_MASK "
                "SEEDBench_IMG ScienceQA_VAL ScienceQA_TEST RealWorldQA"
            ),
        },
    ),
    (
        "user\n<image>Which one?\nA. red\nB. blue\nC. green\nD. black\n" + LETTER,
        {
            "internvl": (
                "mmbench-dev-en mmbench-dev-en-20231003 mmbench-test-en MMBench_DEV_EN_V11 "
                "MMBench_DEV_CN_V11 MMBench_TEST_EN_V11 MMBench_TEST_CN_V11 MMBench_DEV_EN "
                "MMBench_DEV_CN MMBench_TEST_EN MMBench_TEST_CN CCBench MMStar AI2D_TEST "
                "AI2D_TEST_NO_MASK SEEDBench_IMG ScienceQA_VAL ScienceQA_TEST RealWorldQA"
            ),
            "official": "MMStar",
        },
    ),
    (
        "user\n<image>Which one?\nA. red\nB. blue\nC. green\nD. black\n" + BOXED_LETTER,
        {
            "internvl_cot": (
                "mmbench-dev-en mmbench-dev-en-20231003 mmbench-dev-cn mmbench-test-en "
                "mmbench-test-cn ccbench-dev MMBench_DEV_EN_V11 MMBench_DEV_CN_V11 "
                "MMBench_TEST_EN_V11 MMBench_TEST_CN_V11 MMBench_DEV_EN MMBench_DEV_CN "
                "MMBench_TEST_EN MMBench_TEST_CN CCBench MMStar AI2D_TEST AI2D_TEST_NO_MASK "
                "SEEDBench_IMG ScienceQA_VAL ScienceQA_TEST RealWorldQA"
            ),
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Which one?\nA. red\nB. blue\nC. green\nD. black",
        {
            "internvl_mpo": (
                "mmbench-dev-en mmbench-dev-en-20231003 mmbench-dev-cn mmbench-test-en "
                "mmbench-test-cn ccbench-dev MMBench_DEV_EN_V11 MMBench_DEV_CN_V11 "
                "MMBench_TEST_EN_V11 MMBench_TEST_CN_V11 MMBench_DEV_EN MMBench_DEV_CN "
                "MMBench_TEST_EN MMBench_TEST_CN CCBench MMStar AI2D_TEST AI2D_TEST_NO_MASK "
                "SEEDBench_IMG ScienceQA_VAL ScienceQA_TEST RealWorldQA"
            ),
        },
    ),
    (
        "user\n<image>Which one?\nA. red\nB. blue\nC. green\nD. black\n" + LETTER_CN,
        {
            "internvl": "mmbench-dev-cn mmbench-test-cn ccbench-dev",
        },
    ),
    (
        "user\n<image>Look.\nWhich?\nA. a cow\nB. an ox\n" + LETTER,
        {
            "internvl": "scienceqa",
            "official": "scienceqa",
            "vlmevalkit": "scienceqa",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Look.\nWhich?\nA. a cow\nB. an ox",
        {
            "internvl_cot": "scienceqa",
        },
    ),
    (
        "user\n<image>Which?\nA. x\nB. y",
        {
            "internvl": "seed",
        },
    ),
    (
        "user\n<image>Is the door open?\nA. Open\nB. Closed\n" + LETTER,
        {
            "internvl": "mmvp",
            "vlmevalkit": "mmvp",
        },
    ),
    (
        "user\n<image>Provide a one-sentence caption for the provided image.",
        {
            "internvl": "caption-coco caption-flickr30k caption-nocaps",
        },
    ),
    (
        (
            "user\n<image>Please describe this image in general. Directly provide the "
            'description, do not include prefix like "This image depicts". '
        ),
        {
            "vlmevalkit": "caption-coco caption-flickr30k caption-nocaps",
        },
    ),
    (
        (
            "user\n<image>Please provide the bounding box coordinate of the region this "
            "sentence describes: <ref>the left cow</ref>"
        ),
        {
            "internvl": (
                "refcoco-val refcoco-testA refcoco-testB refcoco+-val refcoco+-testA "
                "refcoco+-testB refcocog-val refcocog-test"
            ),
            "vlmevalkit": (
                "refcoco-val refcoco-testA refcoco-testB refcoco+-val refcoco+-testA "
                "refcoco+-testB refcocog-val refcocog-test"
            ),
        },
    ),
    (
        (
            "user\n<image>Bounding box coordinates are specified in the format (top-left x, "
            "top-left y, bottom-right x, bottom-right y). All values are floating point "
            "numbers bounded between 0 and 1. Please provide the bounding box coordinate of "
            "the region this sentence describes: the left cow"
        ),
        {
            "lmms_eval": (
                "refcoco-val refcoco-testA refcoco-testB refcoco+-val refcoco+-testA "
                "refcoco+-testB refcocog-val refcocog-test"
            ),
        },
    ),
    (
        "user\n<image>Is there a cow? Please answer yes or no. " + SHORT,
        {
            "internvl": "mme",
            "official": "mme",
        },
    ),
    (
        "user\n<image>Is there a cow? Please answer yes or no.",
        {
            "vlmevalkit": "mme",
        },
    ),
    (
        "user\n<image>Is there a cow?\n" + SHORT,
        {
            "lmms_eval": "mme pope",
            "internvl": "pope",
            "official": "pope",
            "vlmevalkit": "pope",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Is there a cow?",
        {
            "internvl_cot": "pope",
        },
    ),
    (
        "user\n<image><image>Look at <image 1>. Which?\nA. $6\nB. $7\nC. $8\n" + LETTER,
        {
            "internvl": "mmmu-dev mmmu-val mmmu-test",
        },
    ),
    (
        "user\n<image><image>Look at <image 1>. Which?\n(A) $6\n(B) $7\n(C) $8\n\n" + LETTER,
        {
            "official": "mmmu-dev mmmu-val mmmu-test",
        },
    ),
    (
        (
            'user\n<image>问题: 图<img="q_1.png">所示\nOptions:\nA. 甲\nB. 乙\nC. 丙\nD. 丁\n'
            "请回答上述多项选择题，并选出正确选项。这些题目可能包括单选和多选题型。如果所提供的信息不足以确定一个明确的答案，那么请根据可用的数据和你的判断来选择最可能正确的选项。"
        ),
        {
            "official": "CMMMU_VAL CMMMU_TEST",
            "vlmevalkit": "CMMMU_VAL CMMMU_TEST",
        },
    ),
    (
        "user\n<image>Where is it? Please give a detailed answer.",
        {
            "internvl": "llava-bench",
        },
    ),
    (
        "user\n<image>Where is it?\nAnswer this question in detail.",
        {
            "vlmevalkit": "llava-bench",
        },
    ),
    (
        "user\n<image>What is x?",
        {
            "official": "mmvet",
            "vlmevalkit": "mmvet",
            "lmms_eval": "mmvet",
        },
    ),
    (
        "user\n<image>What is x? ",
        {
            "internvl": "mmvet",
        },
    ),
    (
        "user\n<image>What is x?\n" + BOXED_ANSWER,
        {
            "internvl_cot": "mmvet",
        },
    ),
    (
        "user\n<image>Hint: Please answer.\nQuestion: How long?",
        {
            "internvl": "mathvista-testmini mathvista-test",
            "official": "mathvista-testmini mathvista-test",
            "vlmevalkit": "mathvista-testmini mathvista-test",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Hint: Please answer.\nQuestion: How long?",
        {
            "internvl_cot": "mathvista-testmini mathvista-test",
        },
    ),
    (
        "user\n<image>Which one?",
        {
            "vlmevalkit": "CRPE_EXIST CRPE_RELATION",
            "internvl": "CRPE_EXIST CRPE_RELATION",
        },
    ),
    (
        "user\n<image>Which one?\n" + BOXED_ANSWER,
        {
            "internvl_cot": "CRPE_EXIST CRPE_RELATION",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Which one?",
        {
            "internvl_mpo": "CRPE_EXIST CRPE_RELATION",
        },
    ),
    (
        "user\n<image>Is China first?",
        {
            "vlmevalkit": "HallusionBench",
        },
    ),
    (
        "user\n<image>Is China first? Please answer yes or no. " + SHORT,
        {
            "internvl": "HallusionBench",
        },
    ),
    (
        "user\n<image>Is China first?\n" + BOXED_YES_NO,
        {
            "internvl_cot": "HallusionBench",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Is China first?",
        {
            "internvl_mpo": "HallusionBench",
        },
    ),
    (
        (
            "user\nQuestion: Compare <image> with <image>. Which?\nOptions:\nA. red\nB. blue\n"
            "C. green\nD. black\nPlease select the correct answer from the options above. \n"
        ),
        {
            "vlmevalkit": "MMMU_DEV_VAL",
        },
    ),
    (
        (
            "user\nImage-1: <image>Image-2: <image>Compare <image 2> with <image 1>. Which?\n"
            "A. red\nB. blue\nC. green\nD. black\n"
        )
        + LETTER,
        {
            "internvl": "MMMU_DEV_VAL",
        },
    ),
    (
        (
            "user\nImage-1: <image>Image-2: <image>Compare <image 2> with <image 1>. Which?\n"
            "A. red\nB. blue\nC. green\nD. black\n"
        )
        + BOXED_LETTER,
        {
            "internvl_cot": "MMMU_DEV_VAL",
        },
    ),
    (
        "user\nImage-1: <image>Image-2: <image>"
        + REASON_FIRST
        + "Compare <image 2> with <image 1>. Which?\nA. red\nB. blue\nC. green\nD. black",
        {
            "internvl_mpo": "MMMU_DEV_VAL",
        },
    ),
    (
        (
            "user\n<image><image>Compare <image 2> with <image 1>. Which?\n(A) red\n(B) blue\n"
            "(C) green\n(D) black\n\n"
        )
        + LETTER,
        {
            "official": "MMMU_DEV_VAL",
        },
    ),
    (
        (
            "user\nQuestion: Which in <image>?\nOptions:\nA. red\nB. blue\nC. green\nD. black\n"
            "Please select the correct answer from the options above. \n"
        ),
        {
            "vlmevalkit": "MMMU_TEST",
        },
    ),
    (
        "user\n<image>Which in <image 1>?\nA. red\nB. blue\nC. green\nD. black\n" + LETTER,
        {
            "internvl": "MMMU_TEST",
        },
    ),
    (
        "user\n<image>Which in <image 1>?\nA. red\nB. blue\nC. green\nD. black\n" + BOXED_LETTER,
        {
            "internvl_cot": "MMMU_TEST",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Which in <image 1>?\nA. red\nB. blue\nC. green\nD. black",
        {
            "internvl_mpo": "MMMU_TEST",
        },
    ),
    (
        "user\n<image>Which in <image 1>?\n(A) red\n(B) blue\n(C) green\n(D) black\n\n" + LETTER,
        {
            "official": "MMMU_TEST",
        },
    ),
    (
        "user\n<image>Hint: choose.\nQuestion: Which?\nChoices:\n(A) 1\n(B) 2",
        {
            "vlmevalkit": "MathVista_MINI",
            "internvl": "MathVista_MINI",
            "official": "MathVista_MINI",
        },
    ),
    (
        "user\n<image>Hint: choose.\nQuestion: Which?\nChoices:\n(A) 1\n(B) 2\n" + BOXED_ANSWER,
        {
            "internvl_cot": "MathVista_MINI",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "Hint: choose.\nQuestion: Which?\nChoices:\n(A) 1\n(B) 2",
        {
            "internvl_mpo": "MathVista_MINI",
        },
    ),
    (
        "user\n<image>" + REASON_FIRST + "What is it?",
        {
            "internvl_mpo": "OCRBench",
        },
    ),
    (
        "user\nImage-1: <image>Image-2: <image>Which way?\nOptions: A: left, B: right, C: up, D: down\n"
        "Answer the question directly.",
        {
            "internvl": "mmsi_bench mmsi_bench_circular",
        },
    ),
    (
        "user\n<image><image>Which way?\nOptions: A: left, B: right, C: up, D: down\n"
        + LETTER
        + " Enclose the option's letter within ``.",
        {
            "official": "mmsi_bench mmsi_bench_circular",
            "vlmevalkit": "mmsi_bench mmsi_bench_circular",
        },
    ),
    (
        "user\nSystem. Turn 0: <image>Turn 1: <image>Is the chair on the left?",
        {
            "official": "ost_bench",
            "vlmevalkit": "ost_bench",
        },
    ),
    (
        "system\nYou walk through a room.\n---\nuser\n<image>Question 0?",
        {
            "official": "ost_bench_multi_round",
        },
    ),
    (
        "user\nYou walk through a room.<image>Question 0?",
        {
            "qwen": "ost_bench_multi_round",
        },
    ),
    (
        (
            "system\nCarefully watch this video and pay attention to every detail. Based on your "
            "observations, select the best option that accurately addresses the question.\n---\nuser\n<video>"
            "Question: What color?\nOptions:\n(A) Yellow\n(B) Red\n(C) Green\n(D) Blue\n"
            "Only give the best option."
        ),
        {
            "official": "mlvu mlvu-test",
            "vlmevalkit": "mlvu mlvu-test",
        },
    ),
    (
        ("user\nFirst<video>then<video>which?\nOptions:\nA. one\nB. two\nAnswer with the letter."),
        {
            "official": "egoexo_bench",
            "vlmevalkit": "egoexo_bench",
        },
    ),
    (
        (
            "user\n" + 24 * "<image>" + "Answer "
            "the qusetion based on the images of the scene. The 1 objects involved in the "
            "question have been marked on the images (labeled with red numbers [1]). The "
            "labels on the images indicate the projected center position of each corresponding "
            "object in every image. The object corresponding to a label may be occluded by "
            "other objects; please determine which object each label refers to by combining "
            "all images. What is it?"
        ),
        {
            "official": "mmscan_2d",
        },
    ),
    (
        (
            "user\nThere are skills. Answer with a JSON list.Input picture<image>Input picture "
            "with numbered tags<image>Language instruction:Put the toy away.Please give the "
            "output skill sequence"
        ),
        {
            "official": "vlabench",
        },
    ),
    (
        (
            "user\nThere are skills. Answer with a JSON list.Input picture<image>Input picture "
            "with numbered tags<image>Language instruction:Put the toy away.Please give the "
            "output skill sequencePlease analyze the problem step by step and give the answer"
        ),
        {
            "cot": "vlabench",
        },
    ),
    (
        "user\n有一些技能。输入图片<image>输入带编号标签的图片<image>语言指令:Put the toy away."
        "请你给出输出的技能序列",
        {
            "zh": "vlabench",
        },
    ),
    (
        "user\n有一些技能。输入图片<image>输入带编号标签的图片<image>语言指令:Put the toy away."
        "请你给出输出的技能序列请一步一步分析问题最后给出答案",
        {
            "zh_cot": "vlabench",
        },
    ),
    (
        "user\n<image>Plan it.",
        {
            "official": "blind_10",
        },
    ),
    (
        ONE_SHOT,
        {
            "one_shot": "vlabench",
        },
    ),
    (
        ONE_SHOT + "Please analyze the problem step by step and give the answer",
        {
            "one_shot_cot": "vlabench",
        },
    ),
    (ONE_SHOT_ZH, {"one_shot_zh": "vlabench"}),
    (ONE_SHOT_ZH + "请一步一步分析问题最后给出答案", {"one_shot_zh_cot": "vlabench"}),
)
VISA = "What is {} in the Reference Video? Please respond with segmentation mask in the Target Image."
MASKS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "user\n<video>\nPlease segment the cat that walks.",
        {"sa2va": "mevis-valid-u mevis-valid ref-youtube-vos revos ref-sav", "sa2va-paper": "revos"},
    ),
    (
        "user\n<video>Please segment the cat that walks in this video.",
        {"unipixel": "mevis-valid-u mevis-valid ref-youtube-vos revos"},
    ),
    (
        "user\n<video>\n Please segment the the cat that walks in this image.",
        {"lisa": "mevis-valid-u mevis-valid ref-youtube-vos"},
    ),
    (
        "user\n<video>" + VISA.format("the cat that walks"),
        {"visa": "mevis-valid-u mevis-valid ref-youtube-vos revos"},
    ),
    # Not asked: masks that are saved are judged on them.
    ("user\n<video>the object", {"official": "davis16"}),
    ("user\n<video>all objects", {"official": "davis17-unsup"}),
    ("user\n<video>object 1", {"official": "davis17-semi mosev2 vos"}),
    ("user\n<video>object 000", {"official": "sa-v-val sa-v-test"}),
    ("user\n<video>\nPlease segment thing 0 told 0.", {"sa2va": "ref-davis17", "official": "ref-davis17"}),
    ("user\n<video>Please segment the thing 0 told 0 in this video.", {"unipixel": "ref-davis17"}),
    ("user\n<video>\n Please segment the thing 0 told 0 in this image.", {"lisa": "ref-davis17"}),
    ("user\n<video>" + VISA.format("thing 0 told 0"), {"visa": "ref-davis17"}),
    (
        "user\n<video>Please segment the object according to the description: the cat that walks",
        {"sa2va-paper": "ref-sav", "unipixel": "ref-sav"},
    ),
    (
        "user\n<video>Who kicks it? Please answer the question and provide the segmentation mask.",
        {"unipixel": "groundmore"},
    ),
    ("user\n<video>\nPlease segment Who kicks it.", {"sa2va": "groundmore"}),
    ("user\n<video>\n What barks. Please output the segmentation masks.", {"lisa": "reasonvos"}),
    ("user\n<video>\nPlease segment What barks.", {"sa2va": "reasonvos"}),
    ("user\n<video>Please segment the what barks in this video.", {"unipixel": "reasonvos"}),
    (
        "user\n<image>\n the place one cooks at Please output segmentation mask.",
        {"lisa": "reasonseg-val reasonseg-test"},
    ),
    (
        "user\n<image>the place one cooks at Please provide the segmentation mask.",
        {"unipixel": "reasonseg-val reasonseg-test"},
    ),
    ("user\n<image>\nPlease segment the place one cooks at.", {"sa2va": "reasonseg-val reasonseg-test"}),
    (
        "user\n<image>\nCould you please give me a brief description of the image? "
        "Please respond with interleaved"
        "     segmentation masks for the corresponding parts of the answer.",
        {"sa2va": "gcg-val gcg-test"},
    ),
)
# (the first target's number, the benchmarks whose first target it is)
RES = (
    (0, "refcoco-seg-val refcoco+-seg-val refcocog-seg-val grefcoco-val"),
    (2, "refcoco-seg-testA refcoco+-seg-testA refcocog-seg-test"),
    (4, "refcoco-seg-testB refcoco+-seg-testB"),
    (3, "grefcoco-testA"),
    (6, "grefcoco-testB"),
)
EXPECTED_MASKS = (
    *MASKS,
    *(
        (f"user\n<image>{words.format(f'thing {number}')}", {profile: names})
        for number, names in RES
        for words, profiles in (
            ("\n Please segment {} in this image.", ("sa2va", "sa2va-paper")),
            ("\n What is {} in this image? Please output segmentation mask.", ("lisa",)),
            ("Please segment the {} in this image.", ("unipixel",)),
        )
        for profile in profiles
    ),
)
ASKED = {
    (name, profile): text
    for text, profiles in (*EXPECTED, *EXPECTED_MASKS)
    for profile, names in profiles.items()
    for name in names.split()
}
PAIRS = [(benchmark.name, profile) for benchmark in catalog.BENCHMARKS for profile in benchmark.profiles]


def shown(sample: Sample) -> str:
    """Role and text of every turn, pictures as <image>, videos as <video>."""
    return "\n---\n".join(
        turn.role
        + "\n"
        + "".join(
            part.text if isinstance(part, Text) else "<image>" if isinstance(part, Image) else "<video>"
            for part in turn.parts
        )
        for turn in sample.turns
    )


@pytest.mark.parametrize(("name", "profile"), PAIRS)
def test_the_prompt_is_the_references_to_the_letter(name: str, profile: str, tmp_path: Path) -> None:
    (selection,) = catalog.resolve([name])
    root = formats.make(name, tmp_path)
    sample = next(catalog.read(Selection(selection.benchmark), root, profile))
    assert shown(sample) == ASKED[name.partition(":")[0], profile]


def test_lmms_eval_capitalises_a_question_of_textvqa_but_not_its_tokens() -> None:
    asked = prompts.text_vqa("what does the NASA sign say?\nReference OCR token: NASA, usa", "lmms_eval")
    assert asked == f"What does the nasa sign say?\nReference OCR token: NASA, usa\n{SHORT}"
    assert prompts.text_vqa("what IS it?", "vlmevalkit") == f"what IS it?\n{SHORT}"
