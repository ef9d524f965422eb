"""The logger writes what it is told."""

from ftk_myplugin import MypluginLogger

from ftk.plugin import LoggedRun
from ftk.testing.plugins import problems_of


def test_it_writes_the_steps(ftk_logged_run: LoggedRun) -> None:
    logger = MypluginLogger()
    link = logger.run_started(ftk_logged_run)
    logger.log_metrics({"train/loss": 0.5}, step=1, time=0.0)
    logger.run_finished("finished")
    assert (ftk_logged_run.folder / "myplugin.txt").read_text().splitlines()[1:] == [
        "step 1: train/loss 0.5",
        "finished",
    ]
    assert link.endswith("myplugin.txt")


def test_it_keeps_the_rules_of_loggers() -> None:
    assert problems_of("myplugin") == []
