"""Failures of Modal's client and service that are known, with their remedies."""

from ftk.plugin import Advice

ADVICE = (
    Advice(
        r"Missing config option when using `modal run`|module 'modal' has no attribute|modal\.exception\.VersionError",
        "Modal's client is too old",
        'upgrade it: `pip install -U "modal>=1.6"`',
    ),
    Advice(
        r"Token missing\. Could not authenticate|modal\.exception\.AuthError",
        "Modal was asked without a token that it accepts",
        "`modal setup` makes one; or set MODAL_TOKEN_ID and MODAL_TOKEN_SECRET",
    ),
    Advice(
        r"there are open files preventing the operation",
        "a volume could not be brought up to date while a file of it was open",
        "`ftk run --resume RUN` goes on where it stopped",
    ),
)
