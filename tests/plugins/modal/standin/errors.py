"""Errors that clients know what to do with."""

from grpclib import GRPCError, Status


def not_found(what: str) -> GRPCError:
    """The error for an object that does not exist."""
    return GRPCError(Status.NOT_FOUND, f"{what} not found")
