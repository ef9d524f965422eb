"""A plugin of ftk whose merge is done by packages that live in an environment of their own."""
