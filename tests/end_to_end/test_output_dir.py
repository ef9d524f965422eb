"""A training may write into a folder within folders, as the examples of axolotl have it."""

from pathlib import Path

NESTED = ("--set", "output_dir=./outputs/deep/lora-out/")


def test_all_that_is_done_with_a_training_finds_it_in_a_folder_within_folders(ftk, toy_config: Path) -> None:
    ftk("run", toy_config, *NESTED, "--name", "deep")
    output = ftk.run_folder() / "outputs/deep/lora-out"
    learned = (output / "merged/learned.json").read_bytes()
    assert ftk.events("checkpoint")[-1]["path"].startswith("outputs/deep/lora-out/")
    (output / "rubbish").touch()
    ftk("run", "--resume", "deep", "--from", "train")
    assert (output / "merged/learned.json").read_bytes() == learned and not (output / "rubbish").exists()
    ftk("pull", "deep", "outputs/deep/lora-out/merged", "--to", "pulled")
    assert (ftk.folder / "pulled/outputs/deep/lora-out/merged/learned.json").read_bytes() == learned
    assert ftk("infer", "--run", "deep", "what is 1 and 1?").stdout
