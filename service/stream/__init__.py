"""The stream: (seed, tensor name, element number) to numbers. Plain numbers in and out."""
