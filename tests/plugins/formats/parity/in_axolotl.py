"""Prepare data sets with axolotl's own code, in its interpreter: `python in_axolotl.py CASES OUT`.

CASES is a JSON file with one axolotl config for each name; OUT gets the rows of each, or the error that it ended with.
"""

import json
import sys
from pathlib import Path


def main(cases: str, out: str) -> None:
    """Prepare all cases in one process, since importing axolotl takes long."""
    configs = json.loads(Path(cases).read_text(encoding="utf-8"))
    prepared = {name: _prepare(config) for name, config in configs.items()}
    Path(out).write_text(json.dumps(prepared), encoding="utf-8")


def _prepare(config: dict) -> dict:
    from axolotl.cli.config import load_cfg
    from axolotl.loaders import load_tokenizer
    from axolotl.utils.dict import DictDefault

    try:
        cfg = load_cfg(DictDefault(config))
        cfg.is_preprocess = True
        cfg.dataset_num_proc = None  # a process of its own for each case would import everything again
        tokenizer = load_tokenizer(cfg)
        rows = _pairs(cfg, tokenizer) if cfg.rl else _rows(cfg, tokenizer)
    except Exception as error:  # whatever axolotl does not take is part of the answer
        return {"error": f"{type(error).__name__}: {error}"[:2000]}
    named = ("bos_token", "eos_token", "pad_token", "unk_token")
    special = {name: [getattr(tokenizer, name), getattr(tokenizer, f"{name}_id")] for name in named}
    added = {str(number): [str(token), token.special] for number, token in tokenizer.added_tokens_decoder.items()}
    return {"rows": rows, "special": special, "added": added, "template": tokenizer.chat_template}


def _rows(cfg, tokenizer) -> list:
    from axolotl.utils.data.sft import _load_raw_datasets

    dataset, _ = _load_raw_datasets(cfg, cfg.datasets, tokenizer, "train")
    return [{"input_ids": list(row["input_ids"]), "labels": list(row["labels"])} for row in dataset]


def _pairs(cfg, tokenizer) -> list:
    from axolotl.utils.data.rl import _load_split

    names = ("prompt", "chosen", "rejected", "completion", "label")
    return [{name: row[name] for name in names if name in row} for row in _load_split(cfg, "train")]


if __name__ == "__main__":
    main(*sys.argv[1:])
