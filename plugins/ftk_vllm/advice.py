"""Why vLLM does not start, with the remedies."""

from ftk.plugin import Advice

SHORTER = "`ftk serve RUN --set ftk.serve.max_model_len=2048` needs less"

ADVICE = (
    Advice(
        r"User-specified max_model_len \(\d+\) is greater than the derived max_model_len",
        "ftk.serve.max_model_len is more than the model knows",
        "leave it empty: `ftk serve RUN --set ftk.serve.max_model_len=`",
    ),
    Advice(
        r"To serve at least one request with the model's max seq len",
        "one request as long as the model allows does not fit into the memory for requests",
        f"{SHORTER}; more memory: `--set ftk.serve.gpu_memory=0.95`, on a CPU"
        ' `--set ftk.serve.arguments=["--kv-cache-memory-bytes=4G"]`',
    ),
    Advice(
        r"No available memory for the cache blocks",
        "the model fits into the memory that vLLM may take, and nothing beside it",
        f"{SHORTER}; so does a larger share: `--set ftk.serve.gpu_memory=0.95`",
    ),
    Advice(
        r"on startup is less than desired (GPU|CPU) memory utilization|is less than requested memory for kv",
        "other programs use the memory that vLLM wants",
        "end them, or give vLLM less: `ftk serve RUN --set ftk.serve.gpu_memory=0.5`",
    ),
    Advice(
        r"CUDA out of memory|torch\.OutOfMemoryError",
        "the GPU's memory is used up",
        f"use more GPUs; {SHORTER}",
    ),
    Advice(
        r"Bfloat16 is only supported on GPUs with compute capability",
        "this GPU does not compute in bfloat16",
        "`ftk serve RUN --set ftk.serve.dtype=float16`",
    ),
    Advice(
        r"error: (unrecognized arguments|argument) ",
        "vLLM does not know one of ftk.serve.arguments, or not with this value",
        "look it up in `python -m vllm.entrypoints.openai.api_server --help=all`; a dash is part of the name",
    ),
    Advice(
        r"contains custom code which must be executed|requires you to execute",
        "the model brings code of its own, which vLLM runs only when it is told to",
        'if you trust it: `ftk serve RUN --set ftk.serve.arguments=["--trust-remote-code"]`',
    ),
    Advice(
        r"Model architectures .* are not supported for now|has no vLLM implementation",
        "vLLM does not know this kind of model",
        "choose another server: `ftk serve RUN --server NAME`",
    ),
    Advice(
        r"does not support LoRA|is not supported for LoRA",
        "vLLM puts no adapters on this kind of model",
        "merge the run and serve the whole model: `ftk merge RUN`, then `ftk serve RUN`",
    ),
    Advice(
        r"SafetensorError: Error while deserializing",
        "a file of the model is damaged",
        "make it again: `ftk run --resume RUN --from merge`, or remove the base model from the cache",
    ),
)
