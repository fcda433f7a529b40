"""The papers that the schemes and the rules of `/recommend` come from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """A paper. `where` is its venue, with its arXiv number if it has one."""

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
XIAO_2018 = Reference(
    title="Dynamical Isometry and a Mean Field Theory of CNNs: How to Train 10,000-Layer Vanilla "
    "Convolutional Neural Networks",
    authors=("L. Xiao", "Y. Bahri", "J. Sohl-Dickstein", "S. S. Schoenholz", "J. Pennington"),
    year=2018,
    where="ICML 2018, arXiv:1806.05393",
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
