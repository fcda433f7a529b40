"""The identities of a Hugging Face Hub: repo ids, revisions and commits, without HTTP.

docs/hub.md says what they mean.
"""
