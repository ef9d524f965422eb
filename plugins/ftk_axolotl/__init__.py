"""axolotl as an engine: in an interpreter of its own, launched as its users launch it."""
