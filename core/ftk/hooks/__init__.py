"""The hooks and the plugins that implement them: found, agreed to, called one at a time."""
