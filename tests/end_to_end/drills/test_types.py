"""Values of another type, out of range, or none of the choices."""

import pytest

INSIDE = "must be a folder inside the run that nothing else takes, such as ./lora-out or ./outputs/lora-out"

CASES = {
    "a word for a number": ("lora_r: eight\n", "`lora_r` is 'eight', but must be a whole number"),
    "a share for a count": ("micro_batch_size: 1.5\n", "`micro_batch_size` is 1.5, but must be a whole number"),
    "less than nothing": ("seed: -1\n", "`seed` is -1, but must be at least 0"),
    "no epochs": ("num_epochs: 0\n", "`num_epochs` is 0, but must be more than 0"),
    "none to hold out": ("val_set_size: -1\n", "`val_set_size` is -1, but must be at least 0"),
    "no number": ("learning_rate: .nan\n", "`learning_rate` is nan, but must be a finite number"),
    "an endless number": ("weight_decay: .inf\n", "`weight_decay` is inf, but must be a finite number"),
    "a larger number than fits": (
        f"sequence_len: {10**20}\n",
        "`sequence_len` is 1.00e+20, but must be less than 9.22e+18",
    ),
    "a float larger than fits": ("lora_r: 1e300\n", "`lora_r` is 1.00e+300, but must be less than 9.22e+18"),
    "neither true nor false": ("train_on_inputs: maybe\n", "`train_on_inputs` is 'maybe', but must be true or false"),
    "a truth in quotes": ("group_by_length: 'yes'\n", "`group_by_length` is 'yes', but must be true or false"),
    "a mapping for a list": ("lora_target_modules: {q: 1}\n", "`lora_target_modules` is {q: 1}, but must be a list"),
    "a list for ftk": ("ftk: [a]\n", "`ftk` is ['a'], but must be a mapping of keys"),
    "a word for plugins": (
        "ftk: {disable_plugins: formats}\n",
        "`ftk.disable_plugins` is 'formats', but must be a list",
    ),
    "a number of interpreters": ("ftk: {environments: 5}\n", "`ftk.environments` is 5, but must be a mapping of keys"),
    "a misspelt optimizer": ("optimizer: adamw9\n", "`optimizer` is 'adamw9', but must be `adamw_torch`"),
    "a misspelt schedule": ("lr_scheduler: cosin\n", "`lr_scheduler` is 'cosin', but must be `cosine`"),
    "a time without a unit": ("ftk: {resources: {timeout: soon}}\n", "`ftk.resources.timeout` is 'soon', but must be"),
    "a time in weeks": ("ftk: {resources: {timeout: 5w}}\n", "`ftk.resources.timeout` is '5w', but must be seconds"),
    "a day": ("lora_r: 2024-01-02\n", "`lora_r` is '2024-01-02', but must be a whole number"),
    "a folder of the machine": ("output_dir: /etc\n", f"`output_dir` is '/etc', but {INSIDE}"),
    "a folder above": ("output_dir: ../x\n", f"`output_dir` is '../x', but {INSIDE}"),
    "a folder that is taken": ("output_dir: ./events\n", f"`output_dir` is './events', but {INSIDE}"),
    "ftk's files for an engine": ("output_dir: shipped/\n", f"`output_dir` is 'shipped/', but {INSIDE}"),
    "a folder above one inside": ("output_dir: a/../../x\n", f"`output_dir` is 'a/../../x', but {INSIDE}"),
    "a folder in one that is taken": ("output_dir: ./data/out\n", f"`output_dir` is './data/out', but {INSIDE}"),
    "a folder that is rubbish": ("output_dir: out/x.partial\n", f"`output_dir` is 'out/x.partial', but {INSIDE}"),
    "the run itself": ("output_dir: .\n", f"`output_dir` is '.', but {INSIDE}"),
}

NEAR = {"a misspelt optimizer": "did you mean `adamw_", "a misspelt schedule": "did you mean `cosine`?"}


@pytest.mark.parametrize("case", CASES)
def test_a_value_that_does_not_fit_is_told(drill, config: str, case: str) -> None:
    text, says = CASES[case]
    drill.write({"c.yml": config + text})
    drill.refused("run", "c.yml", says=f"c.yml:5: {says}", remedy=NEAR.get(case, ""))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("base_model: [a]\ndatasets: [{path: data.jsonl}]\n", "c.yml:1: `base_model` is ['a'], but must be text"),
        ("base_model: ''\ndatasets: [{path: data.jsonl}]\n", "c.yml:1: `base_model` is '', but must be not empty"),
        ("base_model: a\ndatasets: []\n", "c.yml:2: `datasets` is [], but must be a list of 1 or more"),
        ("base_model: a\ndatasets: data.jsonl\n", "c.yml:2: `datasets` is 'data.jsonl', but must be a list"),
        ("base_model: a\ndatasets: [{path: ''}]\n", "c.yml:2: `datasets[0].path` is '', but must be not empty"),
    ],
)
def test_what_must_be_named_must_be_named_well(drill, text: str, says: str) -> None:
    drill.write({"c.yml": text})
    drill.refused("run", "c.yml", says=says)
