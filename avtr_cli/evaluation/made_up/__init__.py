"""A weight set of our own in the published files' formats, for tests and for `avtr bench --random-weights`."""
