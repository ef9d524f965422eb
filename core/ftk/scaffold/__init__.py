"""What `ftk plugins new` makes: a small package that works and passes its tests, to be changed from there."""
