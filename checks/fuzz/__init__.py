"""Schemathesis against a served process: every operation of the OpenAPI document, all checks on."""
