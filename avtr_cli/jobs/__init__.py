"""One job: a call from files becomes a file. check -> prepare -> produce."""
