"""Ids as the service makes them: two letters for the kind, then 22 letters and digits."""

import random
import string

_LETTERS = string.ascii_letters + string.digits


def new_id(kind: str) -> str:
    """:param kind: two letters: `ap` an app, `fu` a function, `fc` a function call, `in` an input, `ta` a container,
    `im` an image, `mo` a mount, `vo` a volume, `st` a secret, `cs` a class, `en` an environment, `bl` a blob.
    """
    return f"{kind}-{''.join(random.choices(_LETTERS, k=22))}"
