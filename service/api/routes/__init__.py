"""The routes: each module makes its own from what they need, and describes them."""
