"""`python -m avtr_cli`: the same as `avtr`, for where scripts are not on the path."""

from avtr_cli.cli import main

if __name__ == "__main__":
    main()
