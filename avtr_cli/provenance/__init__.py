"""How a file says that it was made: words in its metadata, C2PA manifests, their verification."""
