"""The papers that the rules come from, beside those of the schemes."""

from service.initializers.references import Reference

SAXE_2013 = Reference(
    title="Exact solutions to the nonlinear dynamics of learning in deep linear neural networks",
    authors=("A. M. Saxe", "J. L. McClelland", "S. Ganguli"),
    year=2013,
    where="ICLR 2014, arXiv:1312.6120",
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
