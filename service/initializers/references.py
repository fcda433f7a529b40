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
YANG_2019 = Reference(
    title="A Mean Field Theory of Batch Normalization",
    authors=("G. Yang", "J. Pennington", "V. Rao", "J. Sohl-Dickstein", "S. S. Schoenholz"),
    year=2019,
    where="ICLR 2019, arXiv:1902.08129",
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
SITZMANN_2020 = Reference(
    title="Implicit Neural Representations with Periodic Activation Functions",
    authors=("V. Sitzmann", "J. N. P. Martel", "A. W. Bergman", "D. B. Lindell", "G. Wetzstein"),
    year=2020,
    where="NeurIPS 2020, arXiv:2006.09661",
)
ZHANG_2019 = Reference(
    title="Fixup Initialization: Residual Learning Without Normalization",
    authors=("H. Zhang", "Y. N. Dauphin", "T. Ma"),
    year=2019,
    where="ICLR 2019, arXiv:1901.09321",
)
SHOEYBI_2019 = Reference(
    title="Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism",
    authors=("M. Shoeybi", "M. Patwary", "R. Puri", "P. LeGresley", "J. Casper", "B. Catanzaro"),
    year=2019,
    where="arXiv:1909.08053",
)
NGUYEN_2019 = Reference(
    title="Transformers without Tears: Improving the Normalization of Self-Attention",
    authors=("T. Q. Nguyen", "J. Salazar"),
    year=2019,
    where="IWSLT 2019, arXiv:1910.05895",
)
HUANG_2020 = Reference(
    title="Improving Transformer Optimization Through Better Initialization",
    authors=("X. S. Huang", "F. Perez", "J. Ba", "M. Volkovs"),
    year=2020,
    where="ICML 2020, PMLR 119",
)
BACHLECHNER_2020 = Reference(
    title="ReZero is All You Need: Fast Convergence at Large Depth",
    authors=("T. Bachlechner", "B. P. Majumder", "H. H. Mao", "G. W. Cottrell", "J. McAuley"),
    year=2020,
    where="UAI 2021, arXiv:2003.04887",
)
DE_2020 = Reference(
    title="Batch Normalization Biases Residual Blocks Towards the Identity Function in Deep "
    "Networks",
    authors=("S. De", "S. L. Smith"),
    year=2020,
    where="NeurIPS 2020, arXiv:2002.10444",
)
TOUVRON_2021 = Reference(
    title="Going deeper with Image Transformers",
    authors=("H. Touvron", "M. Cord", "A. Sablayrolles", "G. Synnaeve", "H. Jégou"),
    year=2021,
    where="ICCV 2021, arXiv:2103.17239",
)
FEDUS_2021 = Reference(
    title="Switch Transformers: Scaling to Trillion Parameter Models with Simple and Efficient "
    "Sparsity",
    authors=("W. Fedus", "B. Zoph", "N. Shazeer"),
    year=2021,
    where="JMLR 23, arXiv:2101.03961",
)
HU_2021 = Reference(
    title="LoRA: Low-Rank Adaptation of Large Language Models",
    authors=(
        *("E. J. Hu", "Y. Shen", "P. Wallis", "Z. Allen-Zhu", "Y. Li", "S. Wang", "L. Wang"),
        "W. Chen",
    ),
    year=2021,
    where="ICLR 2022, arXiv:2106.09685",
)
WANG_GPT_J_2021 = Reference(
    title="GPT-J-6B: A 6 Billion Parameter Autoregressive Language Model",
    authors=("B. Wang", "A. Komatsuzaki"),
    year=2021,
    where="github.com/kingoflolz/mesh-transformer-jax",
)
ZHAO_2021 = Reference(
    title="ZerO Initialization: Initializing Neural Networks with only Zeros and Ones",
    authors=("J. Zhao", "F. Schäfer", "A. Anandkumar"),
    year=2021,
    where="TMLR 2022, arXiv:2110.12661",
)
YANG_2022 = Reference(
    title="Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer",
    authors=(
        *("G. Yang", "E. J. Hu", "I. Babuschkin", "S. Sidor", "X. Liu", "D. Farhi", "N. Ryder"),
        *("J. Pachocki", "W. Chen", "J. Gao"),
    ),
    year=2022,
    where="NeurIPS 2021, arXiv:2203.03466",
)
WANG_FOUNDATION_2022 = Reference(
    title="Foundation Transformers",
    authors=(
        *("H. Wang", "S. Ma", "S. Huang", "L. Dong", "W. Wang", "Z. Peng", "Y. Wu", "P. Bajaj"),
        *("S. Singhal", "A. Benhaim", "B. Patra", "Z. Liu", "V. Chaudhary", "X. Song", "F. Wei"),
    ),
    year=2022,
    where="ICML 2023 (as Magneto), arXiv:2210.06423",
)
YANG_SPECTRAL_2023 = Reference(
    title="A Spectral Condition for Feature Learning",
    authors=("G. Yang", "J. B. Simon", "J. Bernstein"),
    year=2023,
    where="arXiv:2310.17813",
)
GROENEVELD_2024 = Reference(
    title="OLMo: Accelerating the Science of Language Models",
    authors=("D. Groeneveld", "I. Beltagy", "P. Walsh", "A. Bhagia", "and others"),
    year=2024,
    where="ACL 2024, arXiv:2402.00838",
)
VASWANI_2017 = Reference(
    title="Attention Is All You Need",
    authors=(
        *("A. Vaswani", "N. Shazeer", "N. Parmar", "J. Uszkoreit"),
        *("L. Jones", "A. N. Gomez", "L. Kaiser", "I. Polosukhin"),
    ),
    year=2017,
    where="NIPS 2017, arXiv:1706.03762",
)
ZAGORUYKO_2017 = Reference(
    title="DiracNets: Training Very Deep Neural Networks Without Skip-Connections",
    authors=("S. Zagoruyko", "N. Komodakis"),
    year=2017,
    where="arXiv:1706.00388",
)
LONG_2015 = Reference(
    title="Fully Convolutional Networks for Semantic Segmentation",
    authors=("J. Long", "E. Shelhamer", "T. Darrell"),
    year=2015,
    where="CVPR 2015, arXiv:1411.4038",
)
SU_2021 = Reference(
    title="RoFormer: Enhanced Transformer with Rotary Position Embedding",
    authors=("J. Su", "Y. Lu", "S. Pan", "A. Murtadha", "B. Wen", "Y. Liu"),
    year=2021,
    where="arXiv:2104.09864",
)
PRESS_2021 = Reference(
    title="Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation",
    authors=("O. Press", "N. A. Smith", "M. Lewis"),
    year=2021,
    where="ICLR 2022, arXiv:2108.12409",
)
CHEN_2021 = Reference(
    title="An Empirical Study of Training Self-Supervised Vision Transformers",
    authors=("X. Chen", "S. Xie", "K. He"),
    year=2021,
    where="ICCV 2021, arXiv:2104.02057",
)
AHMED_1974 = Reference(
    title="Discrete Cosine Transform",
    authors=("N. Ahmed", "T. Natarajan", "K. R. Rao"),
    year=1974,
    where="IEEE Transactions on Computers C-23(1)",
)
DAVIS_1980 = Reference(
    title="Comparison of Parametric Representations for Monosyllabic Word Recognition in "
    "Continuously Spoken Sentences",
    authors=("S. B. Davis", "P. Mermelstein"),
    year=1980,
    where="IEEE Transactions on Acoustics, Speech, and Signal Processing 28(4)",
)
ALLEN_1977 = Reference(
    title="A Unified Approach to Short-Time Fourier Analysis and Synthesis",
    authors=("J. B. Allen", "L. R. Rabiner"),
    year=1977,
    where="Proceedings of the IEEE 65(11)",
)
PREWITT_1970 = Reference(
    title="Object Enhancement and Extraction",
    authors=("J. M. S. Prewitt",),
    year=1970,
    where="Picture Processing and Psychopictorics",
)
SOBEL_1968 = Reference(
    title="A 3x3 Isotropic Gradient Operator for Image Processing",
    authors=("I. Sobel", "G. Feldman"),
    year=1968,
    where="talk at the Stanford Artificial Intelligence Project",
)
DAUGMAN_1985 = Reference(
    title="Uncertainty relation for resolution in space, spatial frequency, and orientation "
    "optimized by two-dimensional visual cortical filters",
    authors=("J. G. Daugman",),
    year=1985,
    where="Journal of the Optical Society of America A 2(7)",
)
GOYAL_2017 = Reference(
    title="Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour",
    authors=(
        *("P. Goyal", "P. Dollár", "R. Girshick", "P. Noordhuis", "L. Wesolowski"),
        *("A. Kyrola", "A. Tulloch", "Y. Jia", "K. He"),
    ),
    year=2017,
    where="arXiv:1706.02677",
)
YANG_DEPTH_2023 = Reference(
    title="Tensor Programs VI: Feature Learning in Infinite-Depth Neural Networks",
    authors=("G. Yang", "D. Yu", "C. Zhu", "S. Hayou"),
    year=2023,
    where="ICLR 2024, arXiv:2310.02244",
)
DEY_2025 = Reference(
    title="Don't be lazy: CompleteP enables compute-efficient deep transformers",
    authors=(
        *("N. Dey", "B. C. Zhang", "L. Noci", "M. Li", "B. Bordelon"),
        *("S. Bergsma", "C. Pehlevan", "B. Hanin", "J. Hestness"),
    ),
    year=2025,
    where="NeurIPS 2025, arXiv:2505.01618",
)
MISHKIN_2015 = Reference(
    title="All you need is a good init",
    authors=("D. Mishkin", "J. Matas"),
    year=2015,
    where="ICLR 2016, arXiv:1511.06422",
)
