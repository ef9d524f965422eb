"""The merge: an adapter folded into its base model, tensor by tensor, and the proof that both answer alike."""
