"""Biases with which a classifier predicts given frequencies before it is trained."""

from service.errors import ImpossibleError, Problem
from service.initializers.exact import log_odds, logarithm
from service.initializers.references import LIN_2017
from service.initializers.schemes.plain import constant_law
from service.initializers.schemes.record import Law, Numbers, Request, Scheme, missing
from service.spelling import shortest


def _prior_bias(request: Request) -> Law:
    """w = -ln((1 - prior) / prior), at which a sigmoid is prior.

    Raises ImpossibleError (`out_of_range`) unless prior is between 0 and 1.
    """
    prior = request.numbers.prior or 0.0
    if not 0.0 < prior < 1.0:
        message = f"prior is {shortest(prior)}, and a probability is above 0 and below 1"
        raise ImpossibleError("out_of_range", Problem("prior", message, "write 0.01"))
    return constant_law(log_odds(prior))


def _class_prior_bias(request: Request) -> Law:
    """w = -ln(classes), at which a sigmoid is 1 / (classes + 1)."""
    classes = request.numbers.classes
    if classes is None:
        raise missing(request.scheme, classes="1000")
    # Subtracting from 0 makes one class +0.
    return constant_law(0.0 - logarithm(classes))


SCHEMES = (
    Scheme(
        name="prior_bias",
        summary=(
            "The bias of a classifier whose sigmoids predict the probability prior at first, as "
            "for focal loss."
        ),
        formula="w = -ln((1 - prior) / prior)",
        distribution="constant",
        fields=("prior",),
        law=_prior_bias,
        defaults=Numbers(prior=0.01),
        references=(LIN_2017,),
        draft=1,
        example="shape=720",
        source="facebookresearch/detectron2@02c1c33, detectron2/modeling/meta_arch/retinanet.py",
    ),
    Scheme(
        name="class_prior_bias",
        summary=(
            "The bias of a classifier with a sigmoid for each class: every class begins with the "
            "probability 1 / (classes + 1)."
        ),
        formula="w = -ln(classes)",
        distribution="constant",
        fields=("classes",),
        law=_class_prior_bias,
        draft=1,
        example="shape=1000&classes=1000",
        source="huggingface/pytorch-image-models@9456764, timm/models/vision_transformer.py, nlhb",
    ),
)
