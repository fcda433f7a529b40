"""What people need, and the schemes for it: the table at the top of docs/schemes.md.

A word in backticks is a scheme, or a field with its value if it has an `=`. Tests check that each
scheme exists, and that each field exists and reads its value.
"""

NEEDS: tuple[tuple[str, str], ...] = (
    ("a good start for any layer", "`scheme=auto`, or ask `/recommend`"),
    ("a layer beside ReLU", "`he_normal`, `he_uniform`"),
    (
        "a layer with GELU, SiLU or another activation",
        "`variance_scaling` with `activation=gelu`",
    ),
    ("tanh, sigmoid or a linear output", "`glorot_uniform`, `glorot_normal`"),
    ("SELU, self-normalizing networks", "`lecun_normal`"),
    ("a normal of a given std, such as 0.02", "`normal` or `truncated_normal` with `std=0.02`"),
    ("zeros, ones or another constant", "`zeros`, `ones`, `constant`"),
    ("the scale and the bias of a normalization", "`ones` and `zeros`"),
    (
        "the same start as PyTorch",
        "`torch.linear`, `torch.conv2d`, `torch.lstm` and the other presets of torch",
    ),
    (
        "the same start as Keras or TensorFlow",
        "`keras.dense`, `keras.conv2d`, `tf.truncated_normal_initializer` and the other presets of "
        "keras and tf",
    ),
    (
        "the same start as Flax or JAX",
        "`flax.dense`, `jax.lecun_normal` and the other presets of flax and jax",
    ),
    (
        "the same start as MLX, Burn, Candle or Paddle",
        "`mlx.linear`, `burn.linear`, `candle.linear`, `paddle.linear` and the presets beside them",
    ),
    (
        "the same start as TensorFlow.js, Flux or Deeplearning4j",
        "`tfjs.dense`, `flux.dense`, `dl4j.xavier` and the presets beside them",
    ),
    ("very deep linear or tanh networks", "`orthogonal`, `delta_orthogonal` for convolutions"),
    ("the recurrent weights of an RNN", "`orthogonal`"),
    (
        "an RNN of ReLUs that starts as the identity (IRNN)",
        "`identity`; for the input weights `normal` with `std=0.001`",
    ),
    ("a convolution that passes its input on", "`dirac`"),
    ("the forget gate of an LSTM", "`forget_gate_bias`"),
    ("long sequences in an LSTM or a GRU", "`chrono_bias`"),
    (
        "Mamba",
        "`mamba_a_log`, `mamba_dt_bias`, `mamba_dt_projection`; for D `ones`; for the output "
        "projection `mamba_residual`",
    ),
    ("Mamba-2", "`mamba2_a_log`, `mamba_dt_bias`"),
    ("state spaces: S4D", "`s4d_log_decay`, `s4d_frequency`"),
    ("state spaces: HiPPO, S4", "`hippo_legs_a`, `hippo_legs_b`"),
    ("linear recurrent units (LRU)", "`lru_nu_log`, `lru_theta_log`, `lru_gamma_log`"),
    ("Griffin, RecurrentGemma", "`rg_lru_lambda`"),
    ("retention (RetNet)", "`retnet_decays`"),
    ("positions of a transformer", "`sinusoidal_positions`"),
    (
        "positions of a vision transformer (ViT)",
        "`sinusoidal_positions` with `variant=grid` or `variant=mae`; if they are learned, "
        "`truncated_normal` with `std=0.02`",
    ),
    ("the linear layers of a ViT as timm starts them", "`timm.init_weights_vit_timm`"),
    ("rotary positions (RoPE)", "`rotary_frequencies`"),
    ("ALiBi", "`alibi_slopes`"),
    ("an attention mask for a decoder", "`causal_mask`"),
    (
        "query, key and value in one weight",
        "`glorot_uniform` with `parts=3`; as PyTorch, `torch.multihead_attention`",
    ),
    ("GPT-2's output projections", "`gpt2_residual`"),
    ("GPT-NeoX", "`small_init`, and `wang_init` for output projections"),
    ("OLMo", "`olmo_mitchell` or `olmo_megatron`"),
    ("very deep transformers", "`deepnorm` or `sub_ln`"),
    ("transformers without normalization", "`t_fixup`, and `t_fixup_embedding` for embeddings"),
    ("residual networks without normalization", "`fixup`, `rezero` or `skipinit`"),
    (
        "deep residual networks that start as the identity",
        "`layer_scale`, `zeros`, `zero_hadamard`",
    ),
    (
        "learning rates that carry over to other widths (muP)",
        "`mup_input`, `mup_hidden`, `mup_output`; `spectral_mup`",
    ),
    ("images or fields as functions of coordinates (SIREN)", "`siren_first`, then `siren`"),
    ("fine-tuning with LoRA", "`lora_a` for A, `lora_b` for B"),
    (
        "a new head or adapter that changes nothing at the start of fine-tuning",
        "`zeros`",
    ),
    ("class imbalance, rare positives, focal loss", "`prior_bias`"),
    ("a sigmoid for each of many classes", "`class_prior_bias`"),
    ("the router of a mixture of experts (MoE)", "`switch_router`"),
    ("sparse weights", "`sparse`; as PyTorch, `torch.sparse`"),
    ("edges in a picture", "`sobel`, `prewitt`; in every direction `laplacian`"),
    (
        "an X in a picture",
        "`cross`; for 0 on a white patch `literal` with `kernel=4,-5,4,-5,4,-5,4,-5,4`",
    ),
    ("stripes and textures by direction", "`gabor`"),
    ("a blur, or the mean of a neighbourhood", "`gaussian_filter`, `box`"),
    ("a filter of your own numbers", "`literal` with `kernel=0,1,0,1,-4,1,0,1,0`"),
    ("upsampling by a transposed convolution", "`bilinear`"),
    ("sub-pixel convolution, pixel shuffle, super-resolution", "`icnr`"),
    ("audio: spectrograms", "`stft` with `layout=OIW`"),
    ("audio: mel bands", "`mel_filter_bank`"),
    ("a cosine transform, as for MFCC or JPEG", "`dct`"),
)
"""Pairs of a need and of the schemes for it."""
