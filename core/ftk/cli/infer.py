"""`ftk infer`: ask a tuned model."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftk.cli.asking import asking_options, refuse_mixture, sampling, text_input
from ftk.cli.options import PATH, TEXT, complete_run, json_option, place_options, trust_option

if TYPE_CHECKING:
    from ftk.runs.questions import Answers, Question


@click.command("infer", epilog='Example: ftk infer --field question="how many farms?" --run my-sql')
@click.argument("prompt", required=False)
@click.option(
    "--field", "fields", multiple=True, metavar="NAME=TEXT", help="Fill the run's own template; may be repeated."
)
@click.option("--input", "source", type=PATH, help="Ask every line of a file of JSON lines.")
@click.option("--output", "target", type=PATH, help="Write the answers there, as JSON lines.")
@click.option(
    "--run",
    "run_name",
    type=TEXT,
    metavar="RUN",
    shell_complete=complete_run,
    help="The run whose model to ask; else the newest one with a model.",
)
@asking_options
@trust_option
@place_options
@json_option
def command(
    prompt: str | None,
    fields: tuple[str, ...],
    source: Path | None,
    target: Path | None,
    run_name: str | None,
    base: bool,
    url: str | None,
    model: str | None,
    variable: str | None,
    trust: bool,
    runs_dir: Path | None,
    backend: str | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Ask a tuned model.

    PROMPT is given to it as it stands, `-` is read from standard input; --field fills the template that the run was
    trained with. A line of --input is a text, an object with `prompt`, or an object with fields; a call with --input
    that was stopped goes on where it stopped. With --url, a server is asked, which has its model loaded already.
    """
    _refuse_several(prompt, fields, source, target)
    refuse_mixture(url, model, variable)
    options = sampling(values)
    from ftk.cli.answering import answer_aloud, answer_many, answer_quietly, run_answers, server_answers
    from ftk.errors import Cancelled, UsageError
    from ftk.refusals import refuse_standing

    if target:
        refuse_standing(target, "name a file for the answers, or leave out --output to have them printed")
    questions = _questions(prompt, fields, source)
    if source and target and target.exists() and target.samefile(source):
        raise UsageError(f"--output {target} is the file of the questions", "name another one for the answers")
    if url:
        whom, ask = server_answers(url, model, variable, resumable=source is not None)
    else:
        whom, ask = run_answers(run_name, base, trust, runs_dir, backend, resumable=source is not None)
    try:
        answers = (answer_many if source else answer_quietly if as_json else answer_aloud)(ask, questions, options)
    except Cancelled:
        click.echo("stopped; the same call goes on" if source else "stopped", err=True)
        raise click.Abort from None
    if source:
        _write(questions, answers, target)
    elif as_json:
        click.echo(json.dumps({**whom, **answers.answers[0]}))
    if answers.tokens and answers.seconds:
        click.echo(f"{answers.tokens} tokens, {answers.tokens / answers.seconds:.1f} tokens/s", err=True)


def _refuse_several(prompt: str | None, fields: Sequence[str], source: Path | None, target: Path | None) -> None:
    """Stop where it is not clear what is asked.

    :raises click.UsageError: naming what is.
    """
    if sum([prompt is not None, bool(fields), source is not None]) != 1:
        raise click.UsageError("name one of these: a PROMPT (or - for standard input), --field, or --input")
    if target and not source:
        raise click.UsageError("--output goes with --input")


def _questions(prompt: str | None, fields: Sequence[str], source: Path | None) -> "list[Question]":
    from ftk.errors import ProblemsFound
    from ftk.runs.questions import PROMPT, Question, read_questions

    if source:
        return read_questions(source)
    if prompt is not None:
        question = Question("PROMPT", {PROMPT: text_input().read().rstrip("\n") if prompt == "-" else prompt})
    else:
        question = Question("--field", dict(map(_field, fields)))
    if problem := question.problem():
        raise ProblemsFound([problem])
    return [question]


def _field(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.UsageError(f"--field {text}: write --field NAME=TEXT, such as --field question=why")
    return name, value


def _write(questions: "Sequence[Question]", answers: "Answers", target: Path | None) -> None:
    from ftk import files

    pairs = zip(questions, answers.answers, strict=True)
    lines = [json.dumps({**question.fields, **answer}, ensure_ascii=False) for question, answer in pairs]
    text = "".join(f"{line}\n" for line in lines)
    if target:
        files.write_text(target.resolve(), text)  # what a link leads to, such as /dev/stdout, and never the link
    else:
        click.echo(text, nl=False)
