"""Times as people write them in a config."""

from ftk.config.schema import Schema

TIMEOUT: Schema = {
    "type": ["number", "string", "null"],
    "exclusiveMinimum": 0,
    "pattern": r"^\d+(\.\d+)?[smhd]?$",
    "description": "seconds, or a number with s, m, h or d, such as 24h",
    "default": None,
}


def seconds(text: str | float) -> float:
    """What a time such as `24h` means, as `TIMEOUT` has it."""
    if isinstance(text, (int, float)):
        return text
    return float(text.rstrip("smhd")) * {"m": 60, "h": 3600, "d": 86400}.get(text[-1], 1)
