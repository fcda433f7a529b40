"""What is in the tensors of a file or of a spec, and which initializers it is consistent with."""
