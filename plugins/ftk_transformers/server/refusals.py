"""What a request is refused with, in the form that clients of the OpenAI API know."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException


class Refusal(Exception):
    """A request that is not answered.

    :param status: the HTTP status.
    :param message: what is wrong with it.
    :param code: the same as a word for programs.
    """

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code

    def response(self) -> JSONResponse:
        """The answer."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        content = {"error": {"message": self.message, "type": kind, "param": None, "code": self.code}}
        return JSONResponse(content, self.status, headers=_HEADERS.get(self.status))


_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "1"}}


def tell_refusals(app: FastAPI) -> None:
    """Have the application give every error this form."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(HTTPException, _refused_by_library)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Any) -> JSONResponse:
    return error.response()  # type: ignore[no-any-return]


async def _refused_by_library(request: Request, error: Any) -> JSONResponse:
    status = 400 if error.status_code == 422 else error.status_code  # as clients of the OpenAI API expect it
    return Refusal(status, str(error.detail)).response()


async def _malformed(request: Request, error: Any) -> JSONResponse:
    wrong = error.errors()[0]
    if wrong["type"] == "json_invalid":
        return Refusal(400, f"the request is no JSON: {wrong['ctx']['error']}").response()
    return Refusal(400, "the request is no JSON object with Content-Type: application/json").response()


async def _failed(request: Request, error: Exception) -> JSONResponse:
    # The server's log has the traceback.
    return Refusal(500, f"the server failed: {type(error).__name__}", "internal_error").response()
