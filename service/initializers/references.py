"""The papers that the schemes and the rules of `/recommend` come from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A paper. `where` is its venue, with its arXiv number if it has one."""

    title: str
    authors: tuple[str, ...]
    year: int
    where: str


MARTENS_2010 = Reference(
    title="Deep learning via Hessian-free optimization",
    authors=("J. Martens",),
    year=2010,
    where="ICML 2010",
)
AITKEN_2017 = Reference(
    title="Checkerboard artifact free sub-pixel convolution: A note on sub-pixel convolution, "
    "resize convolution and convolution resize",
    authors=("A. Aitken", "C. Ledig", "L. Theis", "J. Caballero", "Z. Wang", "W. Shi"),
    year=2017,
    where="arXiv:1707.02937",
)
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
SAXE_2013 = Reference(
    title="Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
    authors=("A. M. Saxe", "J. L. McClelland", "S. Ganguli"),
    year=2013,
    where="ICLR 2014, arXiv:1312.6120",
)
HE_2015 = Reference(
    title="Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet "
    "Classification",
    authors=("K. He", "X. Zhang", "S. Ren", "J. Sun"),
    year=2015,
    where="ICCV 2015, arXiv:1502.01852",
)
IOFFE_2015 = Reference(
    title="Batch Normalization: Accelerating Deep Network Training by Reducing Internal "
    "Covariate Shift",
    authors=("S. Ioffe", "C. Szegedy"),
    year=2015,
    where="ICML 2015, arXiv:1502.03167",
)
POOLE_2016 = Reference(
    title="Exponential expressivity in deep neural networks through transient chaos",
    authors=("B. Poole", "S. Lahiri", "M. Raghu", "J. Sohl-Dickstein", "S. Ganguli"),
    year=2016,
    where="NeurIPS 2016, arXiv:1606.05340",
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
SCHOENHOLZ_2017 = Reference(
    title="Deep Information Propagation",
    authors=("S. S. Schoenholz", "J. Gilmer", "S. Ganguli", "J. Sohl-Dickstein"),
    year=2017,
    where="ICLR 2017, arXiv:1611.01232",
)
LIN_2017 = Reference(
    title="Focal Loss for Dense Object Detection",
    authors=("T.-Y. Lin", "P. Goyal", "R. Girshick", "K. He", "P. Dollár"),
    year=2017,
    where="ICCV 2017, arXiv:1708.02002",
)
HANIN_2019 = Reference(
    title="Products of Many Large Random Matrices and Gradients in Deep Neural Networks",
    authors=("B. Hanin", "M. Nica"),
    year=2019,
    where="Communications in Mathematical Physics 376, arXiv:1812.05994",
)
RADFORD_2019 = Reference(
    title="Language Models are Unsupervised Multitask Learners",
    authors=("A. Radford", "J. Wu", "R. Child", "D. Luan", "D. Amodei", "I. Sutskever"),
    year=2019,
    where="OpenAI technical report",
)
SHAZEER_2020 = Reference(
    title="GLU Variants Improve Transformer",
    authors=("N. Shazeer",),
    year=2020,
    where="arXiv:2002.05202",
)
WANG_2022 = Reference(
    title="DeepNet: Scaling Transformers to 1,000 Layers",
    authors=("H. Wang", "S. Ma", "L. Dong", "S. Huang", "D. Zhang", "F. Wei"),
    year=2022,
    where="arXiv:2203.00555",
)
JOZEFOWICZ_2015 = Reference(
    title="An Empirical Exploration of Recurrent Network Architectures",
    authors=("R. Jozefowicz", "W. Zaremba", "I. Sutskever"),
    year=2015,
    where="ICML 2015, PMLR 37",
)
TALLEC_2018 = Reference(
    title="Can recurrent neural networks warp time?",
    authors=("C. Tallec", "Y. Ollivier"),
    year=2018,
    where="ICLR 2018, arXiv:1804.11188",
)
GU_2020 = Reference(
    title="HiPPO: Recurrent Memory with Optimal Polynomial Projections",
    authors=("A. Gu", "T. Dao", "S. Ermon", "A. Rudra", "C. Ré"),
    year=2020,
    where="NeurIPS 2020, arXiv:2008.07669",
)
GU_2022 = Reference(
    title="On the Parameterization and Initialization of Diagonal State Space Models",
    authors=("A. Gu", "A. Gupta", "K. Goel", "C. Ré"),
    year=2022,
    where="NeurIPS 2022, arXiv:2206.11893",
)
GU_2023 = Reference(
    title="Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
    authors=("A. Gu", "T. Dao"),
    year=2023,
    where="arXiv:2312.00752",
)
ORVIETO_2023 = Reference(
    title="Resurrecting Recurrent Neural Networks for Long Sequences",
    authors=(
        *("A. Orvieto", "S. L. Smith", "A. Gu", "A. Fernando", "C. Gulcehre", "R. Pascanu"),
        "S. De",
    ),
    year=2023,
    where="ICML 2023, arXiv:2303.06349",
)
SUN_2023 = Reference(
    title="Retentive Network: A Successor to Transformer for Large Language Models",
    authors=("Y. Sun", "L. Dong", "S. Huang", "S. Ma", "Y. Xia", "J. Xue", "J. Wang", "F. Wei"),
    year=2023,
    where="arXiv:2307.08621",
)
DAO_2024 = Reference(
    title="Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured "
    "State Space Duality",
    authors=("T. Dao", "A. Gu"),
    year=2024,
    where="ICML 2024, arXiv:2405.21060",
)
DE_2024 = Reference(
    title="Griffin: Mixing Gated Linear Recurrences with Local Attention for Efficient Language "
    "Models",
    authors=("S. De", "S. L. Smith", "A. Fernando", "A. Botev", "G. Cristian-Muraru", "et al."),
    year=2024,
    where="arXiv:2402.19427",
)
