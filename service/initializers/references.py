"""The papers that the schemes come from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A paper: `where` is its venue and, where there is one, its arXiv number."""

    title: str
    authors: tuple[str, ...]
    year: int
    where: str


LECUN_1998 = Reference(
    title="Efficient BackProp",
    authors=("Y. LeCun", "L. Bottou", "G. B. Orr", "K.-R. Müller"),
    year=1998,
    where="Neural Networks: Tricks of the Trade, LNCS 1524",
)
GLOROT_2010 = Reference(
    title="Understanding the difficulty of training deep feedforward neural networks",
    authors=("X. Glorot", "Y. Bengio"),
    year=2010,
    where="AISTATS 2010, PMLR 9",
)
HE_2015 = Reference(
    title="Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet "
    "Classification",
    authors=("K. He", "X. Zhang", "S. Ren", "J. Sun"),
    year=2015,
    where="ICCV 2015, arXiv:1502.01852",
)
KLAMBAUER_2017 = Reference(
    title="Self-Normalizing Neural Networks",
    authors=("G. Klambauer", "T. Unterthiner", "A. Mayr", "S. Hochreiter"),
    year=2017,
    where="NeurIPS 2017, arXiv:1706.02515",
)
STEWART_1980 = Reference(
    title="The Efficient Generation of Random Orthogonal Matrices with an Application to "
    "Condition Estimators",
    authors=("G. W. Stewart",),
    year=1980,
    where="SIAM Journal on Numerical Analysis 17(3)",
)
LE_2015 = Reference(
    title="A Simple Way to Initialize Recurrent Networks of Rectified Linear Units",
    authors=("Q. V. Le", "N. Jaitly", "G. E. Hinton"),
    year=2015,
    where="arXiv:1504.00941",
)
