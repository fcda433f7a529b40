"""The routes. Each module makes its own, with their OpenAPI operations."""
