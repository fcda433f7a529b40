"""Advice: from the description of a layer to how to initialize its weights, and why."""

from service.advice.question import (
    Question,
    parse_question_json,
    parse_question_query,
    parse_question_words,
)
from service.advice.recommendation import Recommendation, recommend

__all__ = [
    "Question",
    "Recommendation",
    "parse_question_json",
    "parse_question_query",
    "parse_question_words",
    "recommend",
]
