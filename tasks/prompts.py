"""The sentences a benchmark adds to its questions, word for word as its reference does.

Profiles: `internvl` (OpenGVLab/InternVL, internvl_chat/eval), `vlmevalkit` (open-compass/VLMEvalKit),
`official` (the benchmark's own repository), `lmms_eval`.
"""

from __future__ import annotations

LETTER = "Answer with the option's letter from the given choices directly."
SHORT = "Answer the question using a single word or phrase."
