"""How variances and gradients go through a network: by mean-field theory, and by simulation."""
