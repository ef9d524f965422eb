"""vLLM as a server: in an interpreter of its own, with the arguments that its users type."""
