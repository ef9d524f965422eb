"""The embedded server: transformers' own application, behind a guard, with models that are chosen beforehand."""
