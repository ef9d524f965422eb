"""A plugin of ftk from outside, which knows its public interface only."""
