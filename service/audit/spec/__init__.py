"""The audit of a spec, for `/v1/audit`: its values beside what they should be."""
