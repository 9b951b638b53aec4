"""The names by which a check is recorded, on its event and on its span.

GenAI semantic conventions, "Events", ``gen_ai.evaluation.result`` (Development), and OpenInference,
"Semantic Conventions", annotations.
"""

EVENT = "gen_ai.evaluation.result"
NAME = "gen_ai.evaluation.name"
SCORE = "gen_ai.evaluation.score.value"
LABEL = "gen_ai.evaluation.score.label"
EXPLANATION = "gen_ai.evaluation.explanation"
ANNOTATOR = "annotation.annotator_kind"
"""Who has judged, in the words of OpenInference; the event of the conventions has no name for it."""

IDENTIFIER = "annotation.identifier"
"""What another one of the same name and of the same user replaces, in the words of OpenInference: what a person has
said; where this is not told, all are kept."""

ANNOTATION_SCOPE = "annotation.scope"
"""``trace``, where what was judged is the turn that a trace is about, and not the root span of it."""

ERROR_TYPE = "error.type"
"""Why it could not be judged; attribute of the conventions, of the event as well."""

CODE, LLM, HUMAN = "CODE", "LLM", "HUMAN"
FEEDBACK = "feedback"

RESPONSE_ID = "gen_ai.response.id"
"""Which answer of a model a record is about (GenAI semantic conventions)."""
